# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from debusine.domain.result import WorkRequestResults
from debusine.tasks import ExtraRepositoryMixin
from debusine.tasks.models import (
    BaseDynamicTaskDataWithExtraRepositories,
    BaseTaskDataWithExtraRepositories,
)

KEY = "-----BEGIN KEY-----\n\nabc\n-----END KEY-----"
FLAT = {"url": "https://deb.example.org/flat/", "suite": "./"}
SIGNED = {
    "url": "https://deb.example.org/debian",
    "suite": "trixie",
    "components": ["main", "contrib"],
    "signing_key": KEY,
}
OTHER = {**SIGNED, "architectures": ["arm64"]}


class Base(
    ExtraRepositoryMixin[
        BaseTaskDataWithExtraRepositories, BaseDynamicTaskDataWithExtraRepositories
    ]
):
    """Abstract, so not registered."""


def make_task(*repositories: dict[str, Any]) -> Any:
    members = {
        "TASK_VERSION": 1,
        "get_subject": lambda _: None,
        "run": lambda *_: WorkRequestResults.SUCCESS,
    }
    concrete = type("WithRepositories", (Base,), members)
    return concrete({"build_architecture": "amd64"}, {"extra_repositories": list(repositories)})


def test_keys_are_inline_where_apt_reads_them(tmp_path: Path) -> None:
    task = make_task(FLAT, OTHER, SIGNED)
    task.write_extra_repository_config("trixie", tmp_path)
    first, second = tmp_path / "extra_repository_0.sources", tmp_path / "extra_repository_1.sources"
    assert task.extra_repository_sources == [first, second]
    assert task.extra_repository_keys == task.extra_repository_lists == []
    assert first.read_text() == "Types: deb\nURIs: https://deb.example.org/flat/\nSuites: ./\n"
    assert second.read_text() == (
        "Types: deb\n"
        "URIs: https://deb.example.org/debian\n"
        "Suites: trixie\n"
        "Components: main contrib\n"
        "Signed-By:\n"
        " -----BEGIN KEY-----\n"
        " .\n"
        " abc\n"
        " -----END KEY-----\n"
    )
    assert len(list(tmp_path.iterdir())) == 2


def test_keys_are_files_for_older_apt(tmp_path: Path) -> None:
    task = make_task(FLAT, SIGNED)
    task.write_extra_repository_config("bullseye", tmp_path)
    key = tmp_path / "extra_apt_key_1.asc"
    assert task.extra_repository_keys == [key]
    assert key.read_text() == f"{KEY}\n"
    assert (tmp_path / "extra_repository_1.sources").read_text().splitlines()[-1] == (
        "Signed-By: /etc/apt/keyrings/extra_apt_key_1.asc"
    )
    assert "Signed-By" not in (tmp_path / "extra_repository_0.sources").read_text()


@pytest.mark.parametrize(
    ("codename", "expected"),
    [("jessie", False), ("focal", False), ("bookworm", True), ("jammy", True), ("new", True)],
)
def test_releases(codename: str, *, expected: bool) -> None:
    assert make_task().supports_inline_signed_by(codename) is expected


def test_objects_do_not_share_their_lists(tmp_path: Path) -> None:
    task = make_task(FLAT)
    task.write_extra_repository_config("trixie", tmp_path)
    assert make_task().extra_repository_sources == []
