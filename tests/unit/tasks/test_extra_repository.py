# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from debusine.domain.result import WorkRequestResults
from debusine.tasks import BaseExternalTask, ExtraRepositoryMixin
from debusine.tasks.models import (
    BaseDynamicTaskDataWithExtraRepositories,
    BaseTaskDataWithExtraRepositories,
)
from debusine.testing.inputs import KEY

FLAT = {"url": "https://deb.example.org/flat/", "suite": "./"}
SIGNED = {
    "url": "https://deb.example.org/debian",
    "suite": "trixie",
    "components": ["main", "contrib"],
    "signing_key": KEY,
}
OTHER = {**SIGNED, "architectures": ["arm64", "armhf"]}
OURS = {**SIGNED, "suite": "ours", "architectures": ["arm64", "amd64"]}
NO_INLINE_KEYS = ("stretch", "buster", "bullseye", "xenial", "bionic", "focal")
ONE_LINE = ("jessie", "trusty")


class Base(
    ExtraRepositoryMixin[
        BaseTaskDataWithExtraRepositories, BaseDynamicTaskDataWithExtraRepositories
    ]
):
    """Abstract, so not registered."""


def make_task(
    *repositories: dict[str, Any],
    dynamic: dict[str, Any] | None = None,
    bases: tuple[type, ...] = (Base,),
) -> Any:
    members = {
        "TASK_VERSION": 1,
        "get_subject": lambda _: None,
        "run": lambda *_: WorkRequestResults.SUCCESS,
    }
    concrete = type("WithRepositories", bases, members)
    resolved = {"extra_repositories": list(repositories)} if dynamic is None else dynamic
    return concrete({"build_architecture": "amd64"}, resolved)


def write(task: Any, codename: str, directory: Path) -> dict[str, str]:
    """Let a task write; returns the text of each file by name."""
    task.write_extra_repository_config(codename, directory)
    written = {path.name: path.read_text() for path in directory.iterdir()}
    recorded = [
        *task.extra_repository_keys,
        *task.extra_repository_sources,
        *task.extra_repository_lists,
    ]
    assert sorted(recorded) == sorted(directory.iterdir())
    return written


def test_nothing_is_recorded_at_first() -> None:
    task = make_task(SIGNED)
    assert task.extra_repository_keys == []
    assert task.extra_repository_lists == []
    assert task.extra_repository_sources == []


def test_keys_are_inline_where_apt_reads_them(tmp_path: Path) -> None:
    task = make_task(FLAT, SIGNED)
    files = write(task, "trixie", tmp_path)
    assert task.extra_repository_sources == [
        tmp_path / "extra_repository_0.sources",
        tmp_path / "extra_repository_1.sources",
    ]
    assert task.extra_repository_keys == task.extra_repository_lists == []
    assert files == {
        "extra_repository_0.sources": (
            "Types: deb\nURIs: https://deb.example.org/flat/\nSuites: ./\n"
        ),
        "extra_repository_1.sources": (
            "Types: deb\n"
            "URIs: https://deb.example.org/debian\n"
            "Suites: trixie\n"
            "Components: main contrib\n"
            "Signed-By:\n"
            " -----BEGIN PGP PUBLIC KEY BLOCK-----\n"
            " .\n"
            " abc\n"
            " -----END PGP PUBLIC KEY BLOCK-----\n"
        ),
    }


@pytest.mark.parametrize("codename", NO_INLINE_KEYS)
def test_keys_are_files_for_older_apt(tmp_path: Path, codename: str) -> None:
    task = make_task(FLAT, SIGNED)
    files = write(task, codename, tmp_path)
    assert task.extra_repository_keys == [tmp_path / "extra_apt_key_1.asc"]
    assert task.extra_repository_lists == []
    assert files == {
        "extra_repository_0.sources": (
            "Types: deb\nURIs: https://deb.example.org/flat/\nSuites: ./\n"
        ),
        "extra_repository_1.sources": (
            "Types: deb\n"
            "URIs: https://deb.example.org/debian\n"
            "Suites: trixie\n"
            "Components: main contrib\n"
            "Signed-By: /etc/apt/keyrings/extra_apt_key_1.asc\n"
        ),
        "extra_apt_key_1.asc": f"{KEY}\n",
    }


@pytest.mark.parametrize("codename", ONE_LINE)
def test_the_oldest_apt_gets_lists(tmp_path: Path, codename: str) -> None:
    quoted = {**SIGNED, "url": "https://deb.example.org/a%20b", "suite": "one two"}
    task = make_task(FLAT, SIGNED, {**quoted, "signing_key": None})
    files = write(task, codename, tmp_path)
    assert task.extra_repository_sources == []
    assert task.extra_repository_keys == [tmp_path / "extra_apt_key_1.asc"]
    assert [path.name for path in task.extra_repository_lists] == [
        "extra_repository_0.list",
        "extra_repository_1.list",
        "extra_repository_2.list",
    ]
    assert files == {
        "extra_repository_0.list": "deb https://deb.example.org/flat/ ./\n",
        "extra_repository_1.list": (
            "deb [signed-by=/etc/apt/keyrings/extra_apt_key_1.asc]"
            " https://deb.example.org/debian trixie main contrib\n"
        ),
        "extra_repository_2.list": (
            "deb https://deb.example.org/a%2520b one main contrib\n"
            "deb https://deb.example.org/a%2520b two main contrib\n"
        ),
        "extra_apt_key_1.asc": f"{KEY}\n",
    }


@pytest.mark.parametrize("codename", ["trixie", "bullseye", "jessie"])
def test_numbers_count_what_is_for_the_architecture(tmp_path: Path, codename: str) -> None:
    names = set(write(make_task(OTHER, OURS, OTHER, FLAT), codename, tmp_path))
    ending = "list" if codename == "jessie" else "sources"
    expected = {f"extra_repository_0.{ending}", f"extra_repository_1.{ending}"}
    if codename != "trixie":
        expected.add("extra_apt_key_0.asc")
    assert names == expected
    assert " ours" in (tmp_path / f"extra_repository_0.{ending}").read_text()


@pytest.mark.parametrize("dynamic", [{}, {"extra_repositories": None}, {"extra_repositories": []}])
def test_no_repositories_no_files(tmp_path: Path, dynamic: dict[str, Any]) -> None:
    assert write(make_task(dynamic=dynamic), "trixie", tmp_path) == {}


@pytest.mark.parametrize("codename", [*NO_INLINE_KEYS, *ONE_LINE])
def test_releases_that_need_keys_as_files(codename: str) -> None:
    assert make_task().supports_inline_signed_by(codename) is False


@pytest.mark.parametrize("codename", ["bookworm", "trixie", "sid", "jammy", "noble", "new", ""])
def test_all_other_releases_read_inline_keys(codename: str) -> None:
    assert make_task().supports_inline_signed_by(codename) is True


def test_a_task_may_know_better_which_apt_reads_inline_keys(tmp_path: Path) -> None:
    class Cautious(Base):
        @override
        def supports_inline_signed_by(self, codename: str) -> bool:
            return False

    task = make_task(SIGNED, bases=(Cautious,))
    assert set(write(task, "trixie", tmp_path)) == {
        "extra_repository_0.sources",
        "extra_apt_key_0.asc",
    }


def test_other_bases_of_a_task_are_prepared_as_well() -> None:
    class Prepared(
        BaseExternalTask[
            BaseTaskDataWithExtraRepositories, BaseDynamicTaskDataWithExtraRepositories
        ]
    ):
        """Abstract, so not registered."""

        @override
        def post_init(self) -> None:
            super().post_init()
            self.is_prepared = True

    task = make_task(bases=(Base, Prepared))
    assert task.is_prepared
    assert task.extra_repository_sources == []


def test_objects_do_not_share_their_lists(tmp_path: Path) -> None:
    task = make_task(FLAT)
    task.write_extra_repository_config("trixie", tmp_path)
    assert make_task(FLAT).extra_repository_sources == []
