# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

from debusine.domain.result import Blame, blame_for
from debusine.testing.control_group import FakeGroupFiles
from debusine.util.control_group import TaskGroup
from debusine.wire.work_request import OutputData, OutputError, WorkRequestCompleted
from debusine.worker.execution import blame_memory


def test_memory_that_ran_out_is_told_first() -> None:
    group = TaskGroup(path=Path("/x"), memory_bytes=3 * 2**29, files=FakeGroupFiles(Path("/x")))
    failed = OutputError(message="make: *** Killed", code="build-failed")
    before = WorkRequestCompleted(result="failure", output_data=OutputData(errors=[failed]))
    report = blame_memory(before, group)
    assert report.result == before.result
    assert report.output_data is not None
    first, second = report.output_data.errors or ()
    assert second == failed
    assert first.code == "out-of-memory"
    assert "more than the 1.5 GiB of memory" in first.message
    assert "reserves twice as much for the next attempt" in first.message
    codes = [error.code for error in (first, second)]
    assert blame_for(report.result, codes) is Blame.ENVIRONMENT


def test_a_task_that_was_killed_has_a_report_all_the_same() -> None:
    group = TaskGroup(path=Path("/x"), memory_bytes=2**30, files=FakeGroupFiles(Path("/x")))
    report = blame_memory(WorkRequestCompleted(result="error"), group)
    assert report.output_data is not None
    assert [error.code for error in report.output_data.errors or ()] == ["out-of-memory"]
