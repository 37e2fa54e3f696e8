# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from debusine.artifacts.kinds.binary_package import BinaryPackage
from debusine.artifacts.kinds.debdiff import Debdiff as DebdiffKind
from debusine.artifacts.kinds.source_package import SourcePackage
from debusine.artifacts.kinds.upload import Upload
from debusine.artifacts.relation import RelationType
from debusine.domain.result import WorkRequestResults
from debusine.tasks import TaskConfigError
from debusine.tasks.debdiff_data import DebdiffDynamicData
from debusine.tasks.kinds.debdiff import Debdiff
from debusine.testing.executor import FakeCall, FakeInstance, FakeResult
from debusine.testing.packages import write_changes, write_deb, write_dsc
from debusine.testing.task_bench import look_up_inputs
from debusine.testing.task_client import FakeTaskClient
from debusine.testing.worker_task import add_local, worker_task

COMMON: dict[str, Any] = {"environment": 1, "build_architecture": "amd64"}
SOURCES = COMMON | {"input": {"source_artifacts": [2, 3]}}
OLD, NEW = "1.0-1", "1.0-2"
OUTPUT = b"diff -Nru old new\n"


def binaries(old: list[int], new: list[int]) -> dict[str, Any]:
    return COMMON | {"input": {"binary_artifacts": [old, new]}}


class Sandbox:
    """What commands do: debdiff prints what it was told to compare."""

    def __init__(self, *, returncode: int = 0) -> None:
        self.returncode = returncode
        self.installed: list[tuple[str, ...]] = []
        self.compared: list[str] = []
        self.directories: set[str] = set()

    def __call__(self, call: FakeCall, instance: FakeInstance) -> FakeResult:
        match call.argv:
            case ("dpkg-query", *_):
                return FakeResult(returncode=1)
            case ("env", *_, "install", "devscripts", "diffstat", "patchutils", "wdiff"):
                self.installed.append(call.argv)
            case ("debdiff", *words):
                paths = [Path(word) for word in words if word.startswith("/")]
                assert all(instance.inside(path).is_file() for path in paths)
                self.directories = {path.parent.name for path in paths}
                self.compared = [word.rpartition("/")[2] for word in words]
                return FakeResult(stdout=OUTPUT, returncode=self.returncode)
        return FakeResult()


@pytest.fixture
def server(tmp_path: Path) -> FakeTaskClient:
    """Two versions as source (2, 3), package (4, 5), upload (6, 7); others (8, 9)."""
    client = FakeTaskClient()
    client.add_environment(1)
    for index, version in enumerate((OLD, NEW)):
        place = tmp_path / version
        place.mkdir()
        dsc = write_dsc(place, version=version)
        deb = write_deb(place, {"Version": version})
        changes = write_changes(
            place, [deb], architecture="amd64", fields={"Version": f"{version}+b1"}
        )
        add_local(client, 2 + index, SourcePackage.from_dsc(dsc))
        add_local(client, 4 + index, BinaryPackage.from_deb(deb))
        add_local(client, 6 + index, Upload.from_changes(changes))
    more = {
        8: {"Package": "hello-doc", "Source": "hello", "Version": NEW, "Architecture": "all"},
        9: {"Package": "other", "Version": "7"},
    }
    for number, fields in more.items():
        add_local(client, number, BinaryPackage.from_deb(write_deb(tmp_path, fields)))
    return client


@pytest.mark.parametrize(
    ("data", "command", "report", "sources"),
    [
        (
            SOURCES,
            ["hello_1.0-1.dsc", "hello_1.0-2.dsc"],
            {
                "original": "hello_1.0-1.dsc",
                "new": "hello_1.0-2.dsc",
                "label": "debdiff hello: 1.0-1 → 1.0-2 (source)",
            },
            [2, 3],
        ),
        (
            binaries([4], [5, 8]),
            [
                "--from",
                "hello_1.0-1_amd64.deb",
                "--to",
                "hello_1.0-2_amd64.deb",
                "hello-doc_1.0-2_all.deb",
            ],
            {
                "original": "hello_1.0-1_amd64.deb",
                "new": "hello_1.0-2_amd64.deb hello-doc_1.0-2_all.deb",
                "label": "debdiff hello: 1.0-1 → 1.0-2 (amd64)",
            },
            [4, 5, 8],
        ),
        (
            binaries([6], [7]),
            ["hello_1.0-1+b1_amd64.changes", "hello_1.0-2+b1_amd64.changes"],
            {
                "original": "hello_1.0-1+b1_amd64.changes",
                "new": "hello_1.0-2+b1_amd64.changes",
                "label": "debdiff hello: 1.0-1+b1 → 1.0-2+b1 (amd64)",
            },
            [6, 7],
        ),
    ],
)
def test_what_is_compared(
    tmp_path: Path,
    server: FakeTaskClient,
    data: dict[str, Any],
    command: list[str],
    report: dict[str, str],
    sources: list[int],
) -> None:
    sandbox = Sandbox(returncode=1)
    task = worker_task(Debdiff, data, server, tmp_path, script=sandbox)
    assert task.execute() is WorkRequestResults.SUCCESS
    assert sandbox.compared == command
    assert len(sandbox.installed) == 1
    assert "--no-install-recommends" in sandbox.installed[0]
    [made] = server.uploaded_of(DebdiffKind.category)
    assert made.data == report
    assert made.files == {"debdiff.txt": OUTPUT}
    related = [(target, kind) for source, target, kind in server.relations if source == made.id]
    assert related == [(number, RelationType.RELATES_TO) for number in sources]


def test_an_artifact_compared_with_itself_is_there_twice(
    tmp_path: Path, server: FakeTaskClient
) -> None:
    sandbox = Sandbox()
    task = worker_task(Debdiff, binaries([4], [4]), server, tmp_path, script=sandbox)
    assert task.execute() is WorkRequestResults.SUCCESS
    assert len(sandbox.directories) == 2
    assert {name.partition("_")[0] for name in sandbox.directories} == {"4"}


@pytest.mark.parametrize(
    ("status", "result"),
    [
        (0, WorkRequestResults.SUCCESS),
        (1, WorkRequestResults.SUCCESS),
        (2, WorkRequestResults.FAILURE),
        (255, WorkRequestResults.FAILURE),
    ],
)
def test_exit_status(
    tmp_path: Path, server: FakeTaskClient, status: int, result: WorkRequestResults
) -> None:
    script = Sandbox(returncode=status)
    assert worker_task(Debdiff, SOURCES, server, tmp_path, script=script).execute() is result
    assert len(server.uploaded_of(DebdiffKind.category)) == 1


def test_options(tmp_path: Path, server: FakeTaskClient) -> None:
    sandbox = Sandbox()
    flags = ["--dirs", "--diffstat", "--dirs"]
    data = SOURCES | {"extra_flags": flags}
    worker_task(Debdiff, data, server, tmp_path, script=sandbox).execute()
    assert sandbox.compared[:3] == ["--dirs", "--diffstat", "hello_1.0-1.dsc"]


def test_an_artifact_that_holds_no_package(tmp_path: Path, server: FakeTaskClient) -> None:
    server.add(5, BinaryPackage.category, server.artifacts[5].data, {"readme": b""})
    task = worker_task(Debdiff, binaries([4], [5]), server, tmp_path, script=Sandbox())
    assert task.execute() is WorkRequestResults.FAILURE
    assert "neither an upload nor one package" in server.uploaded[-1].text(
        "configure_for_execution.log"
    )


@pytest.mark.parametrize(
    ("old", "new", "subject", "summary"),
    [
        ([4], [5, 8], "binary:hello", "hello: 1.0-1 → 1.0-2 (amd64)"),
        ([6], [7], "binary:hello", "hello: 1.0-1+b1 → 1.0-2+b1 (amd64)"),
        ([4], [8, 9], None, "hello other: 1.0-1 → 1.0-2 7 (amd64)"),
    ],
)
def test_what_the_server_finds_out_of_binary_packages(
    server: FakeTaskClient, old: list[int], new: list[int], subject: str | None, summary: str
) -> None:
    task = look_up_inputs(Debdiff(binaries(old, new)), server)
    found = task.compute_dynamic_data()
    assert task.get_subject() == subject
    assert (found.subject, found.parameter_summary) == (subject, summary)
    assert (found.input_source_artifacts_ids, found.input_binary_artifacts_ids) == (
        None,
        [old, new],
    )
    assert found.get_input_artifacts_ids() == [1, *old, *new]
    assert found.get_source_package_name() is None
    assert task.compute_system_provided_tags() == set()


def test_what_the_server_finds_out_of_source_packages(server: FakeTaskClient) -> None:
    task = look_up_inputs(Debdiff(SOURCES), server)
    found = task.compute_dynamic_data()
    assert found.model_dump(mode="json", exclude_none=True, exclude={"task_input_fields"}) == {
        "subject": "source:hello",
        "parameter_summary": "hello: 1.0-1 → 1.0-2 (source)",
        "environment_id": 1,
        "input_source_artifacts_ids": [2, 3],
    }
    assert found.get_input_artifacts_ids() == [1, 2, 3]
    assert found.get_source_package_name() == "hello"
    assert task.compute_system_provided_tags() == {"task:source-package:hello"}


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ([], [5], r"binary_artifacts\[0\]: nothing to compare"),
        ([4], [], r"binary_artifacts\[1\]: nothing to compare"),
        ([4], [7], r"several categories: \['debian:binary-package', 'debian:upload'\]"),
        ([6], [7, 6], "only if they are debian:binary-package, not debian:upload"),
    ],
)
def test_what_cannot_be_compared(
    server: FakeTaskClient, old: list[int], new: list[int], problem: str
) -> None:
    task = look_up_inputs(Debdiff(binaries(old, new)), server)
    with pytest.raises(TaskConfigError, match=problem):
        task.compute_dynamic_data()


@pytest.mark.parametrize(
    "wrong",
    [
        {"input": {}},
        {"input": {"source_artifacts": [2]}},
        {"input": {"source_artifacts": [2, 3, 4]}},
        {"input": {"binary_artifacts": [[4]]}},
        {"input": {"binary_artifacts": ["4", "5"]}},
        {"input": {"source_artifacts": [2, 3], "binary_artifacts": [[4], [5]]}},
        {"extra_flags": ["--quiet"]},
        {"environment": None},
        {"build_architecture": None},
    ],
)
def test_what_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(TaskConfigError):
        Debdiff(SOURCES | wrong)


def test_dynamic_data_names_one_thing() -> None:
    with pytest.raises(ValueError, match="not compared at once"):
        DebdiffDynamicData(input_source_artifacts_ids=[2, 3], input_binary_artifacts_ids=[[4], [5]])
