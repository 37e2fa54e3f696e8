# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

from debusine.domain.result import WorkRequestResults
from debusine.wire.work_request import WorkRequestCompleted
from debusine.worker.report import PendingReport, ReportBox

URL = "http://localhost/api"
PENDING = PendingReport(
    api_url=URL,
    work_request_id=7,
    scope="debusine",
    token="t" * 64,
    report=WorkRequestCompleted(result=WorkRequestResults.SUCCESS),
)


def test_kept_until_forgotten(tmp_path: Path) -> None:
    box = ReportBox(tmp_path / "reports")
    assert list(box.pending(URL)) == []
    box.keep(PENDING)
    assert list(box.pending(URL)) == [PENDING]
    assert list(ReportBox(tmp_path / "reports").pending(URL)) == [PENDING]
    assert list(box.pending("http://other.example.org/api")) == []
    box.forget(PENDING)
    assert list(box.pending(URL)) == []


def test_private(tmp_path: Path) -> None:
    ReportBox(tmp_path / "reports").keep(PENDING)
    [path] = (tmp_path / "reports").iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_unreadable_report_is_deleted(tmp_path: Path) -> None:
    (tmp_path / "1-a.json").write_text("{")
    assert list(ReportBox(tmp_path).pending(URL)) == []
    assert list(tmp_path.iterdir()) == []


def test_full_disk_is_no_reason_to_stop(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ReportBox(tmp_path / "file" / "reports").keep(PENDING)
