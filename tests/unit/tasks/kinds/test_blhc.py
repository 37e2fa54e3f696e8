# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from debusine.artifacts.kinds.blhc import Blhc as BlhcKind
from debusine.artifacts.kinds.build_log import BuildLog
from debusine.artifacts.kinds.source_package import SourcePackage
from debusine.artifacts.relation import RelationType
from debusine.domain.result import WorkRequestResults
from debusine.tasks import TaskConfigError
from debusine.tasks.kinds.blhc import Blhc
from debusine.testing.executor import FakeCall, FakeInstance, FakeResult
from debusine.testing.inputs import SOURCE
from debusine.testing.task_bench import WORK_REQUEST_ID, look_up_inputs
from debusine.testing.task_client import FakeTaskClient
from debusine.testing.worker_task import worker_task

LOG = {
    "source": "hello",
    "version": "1.0-1",
    "architecture": "amd64",
    "filename": "hello_1.0-1_amd64.build",
}
DATA: dict[str, Any] = {
    "input": {"artifact": 2},
    "environment": 1,
    "build_architecture": "amd64",
}
OUTPUT = b"CFLAGS missing (-O2): gcc -c a.c\n"


class Sandbox:
    """What commands do: blhc prints, dpkg knows its version."""

    def __init__(
        self, *, installed: bool = True, version: str = "0.13", returncode: int = 0
    ) -> None:
        self.installed = installed
        self.version = version
        self.returncode = returncode
        self.calls: list[tuple[str, ...]] = []

    def __call__(self, call: FakeCall, instance: FakeInstance) -> FakeResult:
        self.calls.append(call.argv)
        match call.argv:
            case ("dpkg-query", "--show", "--showformat=${Version}", "blhc"):
                return FakeResult(stdout=self.version.encode())
            case ("dpkg-query", *_):
                return FakeResult(stdout=b"installed\n" if self.installed else b"not-installed\n")
            case ("blhc", *_, log):
                assert instance.inside(Path(log)).read_bytes() == b"gcc -c a.c\n"
                return FakeResult(stdout=OUTPUT, returncode=self.returncode)
        return FakeResult()

    @property
    def commands(self) -> list[tuple[str, ...]]:
        """Commands that begin with blhc, without the name of the log."""
        return [call[1:-1] for call in self.calls if call[0] == "blhc"]


def server(**log: Any) -> FakeTaskClient:
    client = FakeTaskClient()
    client.add_environment(1)
    data = LOG | log
    client.add(2, BuildLog.category, data, {data["filename"]: b"gcc -c a.c\n"})
    return client


@pytest.mark.parametrize(
    ("status", "result"),
    [
        (0, WorkRequestResults.SUCCESS),
        (1, WorkRequestResults.SUCCESS),
        (2, WorkRequestResults.FAILURE),
        (8, WorkRequestResults.FAILURE),
        (9, WorkRequestResults.FAILURE),
        (255, WorkRequestResults.FAILURE),
    ],
)
def test_the_report_is_uploaded_whatever_blhc_finds(
    tmp_path: Path, status: int, result: WorkRequestResults
) -> None:
    client = server()
    task = worker_task(Blhc, DATA, client, tmp_path, script=Sandbox(returncode=status))
    assert task.execute() is result
    [report] = client.uploaded_of(BlhcKind.category)
    assert report.files == {"blhc.txt": OUTPUT}
    assert report.data == {"source": "hello", "version": "1.0-1", "architecture": "amd64"}
    assert report.work_request == WORK_REQUEST_ID
    assert (report.id, 2, RelationType.RELATES_TO) in client.relations


@pytest.mark.parametrize(
    ("version", "flags", "command"),
    [
        ("0.13", [], ("--debian",)),
        ("0.07+20170817+gita232d32", ["--all"], ("--debian", "--all")),
        ("0.07", ["--all", "--pie", "--all"], ("--all", "--pie")),
        ("0.13", ["--debian", "--color"], ("--debian", "--color")),
    ],
)
def test_command(tmp_path: Path, version: str, flags: list[str], command: tuple[str, ...]) -> None:
    sandbox = Sandbox(version=version)
    worker_task(Blhc, DATA | {"extra_flags": flags}, server(), tmp_path, script=sandbox).execute()
    assert sandbox.commands == [command]


def test_blhc_is_installed_only_where_it_is_missing(tmp_path: Path) -> None:
    there, missing = Sandbox(), Sandbox(installed=False)
    for name, sandbox in (("a", there), ("b", missing)):
        worker_task(Blhc, DATA, server(), tmp_path / name, script=sandbox).execute()
    assert [call for call in there.calls if "apt-get" in call] == []
    installs = [call for call in missing.calls if "apt-get" in call]
    assert [("update" in call, call[-1]) for call in installs] == [
        (True, "update"),
        (False, "blhc"),
    ]


def test_an_artifact_without_a_log(tmp_path: Path) -> None:
    client = server(filename="hello.txt")
    task = worker_task(Blhc, DATA, client, tmp_path, script=Sandbox())
    assert task.execute() is WorkRequestResults.FAILURE
    assert client.uploaded_of(BlhcKind.category) == []
    logs = client.uploaded[-1]
    assert logs.text("configure_for_execution.log") == "no .build file to look at\n"


def test_what_the_server_finds_out() -> None:
    report: dict[str, Any] = {
        "output-version": "1.2",
        "report": [],
        **dict.fromkeys(
            (
                "total-packages",
                "broken-packages",
                "background-packages",
                "foreground-packages",
            ),
            0,
        ),
    }
    task = look_up_inputs(Blhc(DATA), server(bd_uninstallable=report))
    assert task.get_subject() == "hello"
    assert task.get_configuration_context() is None
    assert task.compute_system_provided_tags() == {"task:source-package:hello"}
    assert task.compute_system_required_tags() == {
        "worker:executor:unshare",
        "worker:build-arch:amd64",
    }
    found = task.compute_dynamic_data()
    assert found.model_dump(mode="json", exclude_unset=True) == {
        "subject": "hello",
        "parameter_summary": "hello_1.0-1 (amd64)",
        "environment_id": 1,
        "input_artifact_id": 2,
        "input_artifact_data": LOG,
    }
    assert found.get_source_package_name() == "hello"
    assert found.get_input_artifacts_ids() == [1, 2]


def test_a_log_of_no_architecture() -> None:
    task = look_up_inputs(Blhc(DATA), server(architecture=None))
    assert task.compute_dynamic_data().parameter_summary == "hello_1.0-1"


def test_only_logs_are_looked_at() -> None:
    client = FakeTaskClient()
    client.add_environment(1)
    client.add(2, SourcePackage.category, SOURCE, {})
    with pytest.raises(TaskConfigError, match=r"input\.artifact: unexpected artifact category"):
        look_up_inputs(Blhc(DATA), client)


@pytest.mark.parametrize(
    "wrong",
    [
        {"extra_flags": ["--arch"]},
        {"build_architecture": None},
        {"environment": None},
        {"input": {}},
        {"input": {"artifact": 2, "more": 3}},
    ],
)
def test_what_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(TaskConfigError):
        Blhc(DATA | wrong)
