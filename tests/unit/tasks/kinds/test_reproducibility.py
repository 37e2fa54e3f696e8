# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from debusine.artifacts.kinds.reproducibility import Reproducibility as ReproducibilityKind
from debusine.artifacts.kinds.source_package import SourcePackage
from debusine.artifacts.kinds.upload import Upload
from debusine.artifacts.relation import RelationType
from debusine.domain.result import Cause, WorkRequestResults
from debusine.errors import UserError
from debusine.tasks import TaskConfigError
from debusine.tasks.kinds.reproducibility import Reproducibility
from debusine.tasks.reproducibility_data import ReproducibilityDynamicData
from debusine.testing.clock import FakeClock
from debusine.testing.executor import FakeCall, FakeInstance, FakeResult
from debusine.testing.packages import write_changes, write_deb, write_dsc
from debusine.testing.task_client import FakeTaskClient
from debusine.testing.worker_task import worker_task

DEB = "hello_1.0-1_amd64.deb"
DATA: dict[str, Any] = {
    "input": {"source_artifact": 2, "first_build": 3},
    "environment": 1,
    "build_architecture": "amd64",
}
SUCCESS_LOG = "Status: successful\n"
REPORT = {"details": [{"unified_diff": "-/build/hello-1\n+/build/reproducibility/second\n"}]}


class Sandbox:
    """What diffoscope does in it."""

    def __init__(self, *, status: int = 1, report: bytes = b"", installs: bool = True) -> None:
        self.status = status
        self.report = report or json.dumps(REPORT).encode()
        self.installs = installs
        self.instance: FakeInstance | None = None
        self.compared: list[FakeCall] = []

    def __call__(self, call: FakeCall, instance: FakeInstance) -> FakeResult:
        self.instance = instance
        match call.argv:
            case ("dpkg-query", *_):
                return FakeResult(returncode=1)
            case ("env", *_, "install", "diffoscope-minimal"):
                return FakeResult(returncode=0 if self.installs else 100)
            case ("timeout", *_, first, second):
                assert all(instance.inside(Path(path)).is_file() for path in (first, second))
                self.compared.append(call)
                return FakeResult(returncode=self.status)
            case ("head", *_, path):
                return FakeResult(stdout=self.report if path.endswith(".json") else b"<html>")
        return FakeResult()


def write_build(
    directory: Path, content: bytes, *, gcc: str = "14.2.0-1", source: str = "hello", **debs: bytes
) -> Path:
    """Write what a build leaves; returns its ``.changes``."""
    directory.mkdir(exist_ok=True)
    files = [write_deb(directory, files={"usr/share/hello/file": content})]
    for name, other in debs.items():
        files.append(write_deb(directory, {"Package": name}, files={"f": other}))
    record = directory / "hello_1.0-1_amd64.buildinfo"
    record.write_text(
        "Format: 1.0\nSource: hello\nVersion: 1.0-1\nBuild-Path: /build/hello-1\n"
        "Checksums-Sha256:\n"
        + "".join(
            f" {hashlib.sha256(path.read_bytes()).hexdigest()} {path.stat().st_size} {path.name}\n"
            for path in files
        )
        + f"Installed-Build-Depends:\n gcc-14 (= {gcc}),\n make (= 4.4)\n"
    )
    return write_changes(
        directory, [*files, record], architecture="amd64", fields={"Source": source}
    )


def serve(tmp_path: Path, **first: Any) -> FakeTaskClient:
    """A server with environment (1), source (2) and first build (3)."""
    client = FakeTaskClient()
    client.add_environment(1)
    place = tmp_path / "server"
    place.mkdir()
    client.add_local(2, SourcePackage.from_dsc(write_dsc(place)))
    changes = write_build(tmp_path / "first", b"one", **first)
    client.add_local(3, Upload.from_changes(changes))
    return client


def prepare(
    tmp_path: Path,
    client: FakeTaskClient,
    sandbox: Sandbox | None = None,
    kind: type[Reproducibility] = Reproducibility,
    **data: Any,
) -> tuple[Reproducibility, Path]:
    """A task that would build now, and where its output goes."""
    script = sandbox or Sandbox()
    task = worker_task(kind, DATA | data, client, tmp_path, script=script)
    task.clock = FakeClock()
    fetched, output = tmp_path / "fetch", tmp_path / "exec"
    fetched.mkdir()
    output.mkdir()
    assert task.fetch_input(fetched)
    assert task.configure_for_execution(fetched)
    task.prepare_to_run(fetched, output)
    (output / "hello.build").write_text(SUCCESS_LOG)
    return task, output


def finish(task: Reproducibility, output: Path) -> tuple[WorkRequestResults, dict[str, Any]]:
    """What comes after the build: its result, and the data of the artifact."""
    result = task.task_result(0, output)
    task.upload_artifacts(output, execution_result=result)
    client: Any = task.debusine
    [artifact] = client.uploaded_of(ReproducibilityKind.category)
    return result, dict(artifact.data)


# what the server asks


def test_dynamic_data(tmp_path: Path) -> None:
    client = serve(tmp_path)
    task, _ = prepare(tmp_path, client)
    assert isinstance(task.dynamic_data, ReproducibilityDynamicData)
    assert task.dynamic_data.subject == "hello"
    assert task.dynamic_data.parameter_summary == "hello_1.0-1 (amd64)"
    assert set(task.get_input_artifacts_ids()) == {1, 2, 3}


def test_it_needs_the_programs_that_a_build_needs(tmp_path: Path) -> None:
    task, _ = prepare(tmp_path, serve(tmp_path))
    assert task.needed_tools()["reproducibility:available"] == "sbuild"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"build_components": ["all"]}, "build_components: .* for amd64; add any"),
        ({"build_components": ["source"]}, "nothing to compare"),
        ({"build_architecture": "i386"}, "build_architecture: the first build is for amd64"),
        ({"variations": ["moon"]}, "variations"),
        ({"diffoscope": {"timeout": 0}}, "timeout"),
        ({"diffoscope": {"max_report_size": 10**12}}, "max_report_size"),
    ],
)
def test_wrong_data_are_refused(tmp_path: Path, data: dict[str, Any], message: str) -> None:
    with pytest.raises(TaskConfigError, match=message):
        prepare(tmp_path, serve(tmp_path), **data)


def test_an_upload_of_source_is_refused(tmp_path: Path) -> None:
    client = serve(tmp_path)
    place = tmp_path / "source"
    place.mkdir()
    changes = write_changes(place, [write_dsc(place)], architecture="source")
    client.add_local(3, Upload.from_changes(changes))
    with pytest.raises(TaskConfigError, match="an upload of source has nothing to compare"):
        prepare(tmp_path, client)


# the run


def test_a_build_of_another_source_is_refused(tmp_path: Path) -> None:
    client = serve(tmp_path, source="goodbye")
    task = worker_task(Reproducibility, DATA, client, tmp_path, script=Sandbox())
    fetched = tmp_path / "fetch"
    fetched.mkdir()
    assert task.fetch_input(fetched)
    assert not task.configure_for_execution(fetched)
    log = (task.get_working_directory() / "logs/configure_for_execution.log").read_text()
    assert log == ("input.first_build is a build of goodbye_1.0-1, not of input.source_artifact\n")


def test_sbuild_is_told_what_to_do_otherwise(tmp_path: Path) -> None:
    task, _ = prepare(tmp_path, serve(tmp_path))
    command = task._cmdline()
    assert command[: len(task.plan.prefix)] == task.plan.prefix
    assert "sbuild" in command
    told = task._configuration.read_text()
    assert "$build_path = '/build/reproducibility/second';" in told
    place = task.get_working_directory() / "second-build"
    assert "Package: gcc-14\nPin: version 14.2.0-1\n" in (place / "apt-0").read_text()


def test_the_same_files_are_a_success(tmp_path: Path) -> None:
    sandbox = Sandbox()
    task, output = prepare(tmp_path, serve(tmp_path), sandbox)
    write_build(output, b"one")
    result, data = finish(task, output)
    assert result is WorkRequestResults.SUCCESS
    digest = hashlib.sha256((output / DEB).read_bytes()).hexdigest()
    assert data["files"] == [
        {
            "name": DEB,
            "verdict": "same",
            "first_sha256": digest,
            "second_sha256": digest,
            "causes": [],
            "reports": [],
        }
    ]
    assert (data["reproducible"], data["summary"]) == (True, "all files (1) are the same")
    assert data["other_versions"] == []
    assert sandbox.compared == []
    client: Any = task.debusine
    [artifact] = client.uploaded_of(ReproducibilityKind.category)
    assert list(artifact.files) == ["hello_1.0-1_amd64.buildinfo"]
    # the log of the second build is kept, too
    assert [each.category for each in client.uploaded] == [
        "debian:package-build-log",
        "debusine:reproducibility",
    ]
    about = {(target, kind) for number, target, kind in client.relations if number == artifact.id}
    assert about == {(number, RelationType.RELATES_TO) for number in (2, 3)}


def test_other_files_are_a_failure_with_reports(tmp_path: Path) -> None:
    sandbox = Sandbox()
    task, output = prepare(tmp_path, serve(tmp_path), sandbox)
    write_build(output, b"two")
    result, data = finish(task, output)
    assert result is WorkRequestResults.FAILURE
    [file] = data["files"]
    assert file["verdict"] == "differs"
    assert file["first_sha256"] != file["second_sha256"]
    assert file["causes"] == ["path"]
    assert file["reports"] == [f"{DEB}.html", f"{DEB}.json"]
    text = f"1 of 1 files is not the same: {DEB} differs (most likely by: path)"
    assert [(error.code, error.message) for error in task.reported_errors] == [
        (Cause.NOT_REPRODUCIBLE, text)
    ]
    # what strangers made is read by a program without network, which is no root
    [call] = sandbox.compared
    assert not call.network
    assert not call.as_root
    assert task.executor_instance is None
    assert sandbox.instance is not None
    assert not sandbox.instance.is_started()


def test_files_of_one_build_only_are_a_failure(tmp_path: Path) -> None:
    task, output = prepare(tmp_path, serve(tmp_path, lost=b"x"))
    write_build(output, b"one", new=b"x")
    result, data = finish(task, output)
    assert result is WorkRequestResults.FAILURE
    assert {file["name"]: file["verdict"] for file in data["files"]} == {
        DEB: "same",
        "lost_1.0-1_amd64.deb": "missing",
        "new_1.0-1_amd64.deb": "extra",
    }
    assert data["summary"] == (
        "2 of 3 files are not the same: lost_1.0-1_amd64.deb is missing, new_1.0-1_amd64.deb is new"
    )


def test_other_versions_are_named(tmp_path: Path) -> None:
    task, output = prepare(tmp_path, serve(tmp_path))
    write_build(output, b"two", gcc="14.2.0-2")
    result, data = finish(task, output)
    assert result is WorkRequestResults.FAILURE
    assert data["other_versions"] == [
        {"package": "gcc-14", "first": "14.2.0-1", "second": "14.2.0-2"}
    ]
    assert data["summary"].endswith("; 1 package had another version than in the first build")


@pytest.mark.parametrize(
    ("sandbox", "note"),
    [
        (Sandbox(status=124), f"{DEB}: diffoscope did not end within 600 s"),
        (Sandbox(status=2), f"{DEB}: diffoscope failed (status 2)"),
        (Sandbox(report=b"{"), f"{DEB}.json is no report of diffoscope"),
        (
            Sandbox(report=b" " * 2000),
            f"no report: {DEB}.json in the sandbox is larger than 1024 bytes",
        ),
        (Sandbox(installs=False), "diffoscope could not be run: "),
    ],
)
def test_trouble_with_diffoscope_changes_no_verdict(
    tmp_path: Path, sandbox: Sandbox, note: str
) -> None:
    size = {"max_report_size": 1024} if len(sandbox.report) > 1024 else {}
    task, output = prepare(tmp_path, serve(tmp_path), sandbox, diffoscope=size)
    write_build(output, b"two")
    result, data = finish(task, output)
    assert result is WorkRequestResults.FAILURE
    assert [file["verdict"] for file in data["files"]] == ["differs"]
    assert [file["causes"] for file in data["files"]] == [[]]
    [found] = data["notes"]
    assert found.startswith(note)


def test_a_second_build_that_fails_says_what_was_varied(tmp_path: Path) -> None:
    client = serve(tmp_path)
    task, output = prepare(tmp_path, client, variations=["path", "umask"])
    (output / "hello.build").write_text("Status: attempted\nFail-Stage: build\n")
    result = task.task_result(2, output)
    assert result is WorkRequestResults.FAILURE
    [error] = task.reported_errors
    assert error.code == Cause.BUILD_FAILED
    assert error.message == (
        "the second build failed, built with another path, umask: the package's own build failed"
    )
    task.upload_artifacts(output, execution_result=result)
    assert [each.category for each in client.uploaded] == ["debian:package-build-log"]


def test_a_second_build_without_changes_cannot_be_compared(tmp_path: Path) -> None:
    task, output = prepare(tmp_path, serve(tmp_path))
    with pytest.raises(UserError, match=r"expected one \.changes file, found none"):
        task.task_result(0, output)


@pytest.mark.parametrize(
    ("stage", "tries"),
    [("install-deps", 2), ("apt-get-dist-upgrade", 2), ("build", 1)],
)
def test_versions_that_do_not_fit_together_are_not_insisted_on(
    tmp_path: Path, stage: str, tries: int
) -> None:
    preferred: list[bool] = []

    class Rebuild(Reproducibility):
        def run_cmd(self, cmd: list[str], working_directory: Path, **options: Any) -> int:
            preferred.append("preferences.d" in self._configuration.read_text())
            log = working_directory / "hello.build"
            if preferred[-1]:
                log.write_text(f"Status: given-back\nFail-Stage: {stage}\n")
                return 1
            log.write_text(SUCCESS_LOG)
            write_build(working_directory, b"one", gcc="14.2.0-2")
            return 0

    task, output = prepare(tmp_path, serve(tmp_path), kind=Rebuild)
    result = task.run(output)
    assert preferred == [True, False][:tries]
    if tries == 1:
        assert result is WorkRequestResults.FAILURE
        return
    assert result is WorkRequestResults.SUCCESS
    assert task.reported_errors == []
    assert task.comparison is not None
    assert task.comparison.summary == (
        "all files (1) are the same; 1 package had another version than in the first build"
    )
    log = (task.get_working_directory() / "logs/task_result.log").read_text()
    assert f"{stage} failed with the versions of the first build; trying without them" in log
