# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from debusine.artifacts.kinds.source_package import SourcePackage
from debusine.artifacts.kinds.upload import Upload
from debusine.artifacts.relation import RelationType
from debusine.domain.result import WorkRequestResults
from debusine.tasks import TaskConfigError
from debusine.tasks.kinds.makesourcepackageupload import SCRIPT_NAME, MakeSourcePackageUpload
from debusine.testing.executor import FakeCall, FakeInstance, FakeResult
from debusine.testing.packages import write_changes, write_dsc
from debusine.testing.task_bench import make_task
from debusine.testing.task_client import FakeTaskClient
from debusine.util.apt_access import AptAccess

ENVIRONMENT, SOURCE = 1, 2
SUCCESS, FAILURE = WorkRequestResults.SUCCESS, WorkRequestResults.FAILURE


class Sandbox:
    """What commands do: the script writes a .changes, others succeed."""

    def __init__(self, *, returncode: int = 0, **fields: str) -> None:
        self.fields = fields
        self.returncode = returncode
        self.calls: list[tuple[str, ...]] = []
        self.script = ""
        self.added: dict[str, bytes] = {}

    def __call__(self, call: FakeCall, instance: FakeInstance) -> FakeResult:
        self.calls.append(call.argv)
        if call.argv[0] == "dpkg-query":
            return FakeResult(stdout=b"installed\n")
        if call.argv[0] == "head":
            return FakeResult(stdout=instance.inside(Path(call.argv[-1])).read_bytes())
        if call.argv[0] != "bash":
            return FakeResult()
        self.script = instance.inside(Path(call.argv[3])).read_text()
        if self.returncode == 0:
            directory = instance.inside(Path(call.argv[4])).parent
            for name, content in self.added.items():
                (directory / name).write_bytes(content)
            files = [path for path in directory.iterdir() if path.name != SCRIPT_NAME]
            changes = write_changes(directory, files, architecture="source", fields=self.fields)
            changes.rename(directory / call.argv[5])
        return FakeResult(returncode=self.returncode)


@pytest.fixture
def client(tmp_path: Path) -> FakeTaskClient:
    client = FakeTaskClient()
    client.add_environment(ENVIRONMENT)
    client.add_local(SOURCE, SourcePackage.from_dsc(write_dsc(tmp_path)))
    return client


def task_for(
    client: FakeTaskClient, tmp_path: Path, sandbox: Sandbox, **data: Any
) -> MakeSourcePackageUpload:
    given = {"input": {"source_artifact": SOURCE}, "environment": ENVIRONMENT, **data}
    task = make_task(
        MakeSourcePackageUpload, given, client=client, directory=tmp_path, script=sandbox
    )
    task.apt_access_directory = tmp_path / "lent"
    AptAccess().write(task.apt_access_directory)
    return task


def test_the_upload_extends_the_source_package(tmp_path: Path, client: FakeTaskClient) -> None:
    sandbox = Sandbox()
    task = task_for(client, tmp_path, sandbox)
    assert task.execute() is SUCCESS
    [upload] = client.uploaded_of(Upload.category)
    source_files = set(client.artifacts[SOURCE].files)
    assert set(upload.files) == {"hello_1.0-1_source.changes", *source_files}
    assert upload.data["changes_fields"]["Architecture"] == "source"
    relations = [found for found in client.relations if found[0] == upload.id]
    assert relations == [
        (upload.id, SOURCE, RelationType.EXTENDS),
        (upload.id, SOURCE, RelationType.RELATES_TO),
    ]


@pytest.mark.parametrize(
    ("data", "arguments"),
    [
        ({}, ("", "")),
        ({"since_version": "1:0.9-1"}, ("1:0.9-1", "")),
        ({"target_distribution": "trixie-backports"}, ("", "trixie-backports")),
    ],
)
def test_command(
    tmp_path: Path, client: FakeTaskClient, data: dict[str, str], arguments: tuple[str, str]
) -> None:
    sandbox = Sandbox()
    task_for(client, tmp_path, sandbox, **data).execute()
    [command] = [call for call in sandbox.calls if call[0] == "bash"]
    assert command[1:3] == ("-x", "-e")
    assert Path(command[4]).name == "hello_1.0-1.dsc"
    assert command[5:] == ("hello_1.0-1_source.changes", *arguments)
    assert "dpkg-genchanges -S -sa" in sandbox.script
    assert [call for call in sandbox.calls if "apt-get" in call] == []


def test_a_failure_of_the_command_is_that_of_the_task(
    tmp_path: Path, client: FakeTaskClient
) -> None:
    assert task_for(client, tmp_path, Sandbox(returncode=2)).execute() is FAILURE
    assert client.uploaded_of(Upload.category) == []


@pytest.mark.parametrize(
    ("sandbox", "message"),
    [
        (Sandbox(Source="bye"), "is about bye 1.0-1, not hello 1.0-1"),
        (Sandbox(Version="2"), "is about hello 2, not hello 1.0-1"),
    ],
)
def test_an_upload_of_something_else_is_not_uploaded(
    tmp_path: Path, client: FakeTaskClient, sandbox: Sandbox, message: str
) -> None:
    assert task_for(client, tmp_path, sandbox).execute() is FAILURE
    assert message in client.uploaded[-1].files["consistency.log"].decode()
    assert client.uploaded_of(Upload.category) == []


def test_files_that_are_not_of_the_source_are_not_uploaded(
    tmp_path: Path, client: FakeTaskClient
) -> None:
    sandbox = Sandbox()
    sandbox.added = {"more.txt": b"more"}
    assert task_for(client, tmp_path, sandbox).execute() is FAILURE
    log = client.uploaded[-1].files["consistency.log"].decode()
    assert "more.txt, which is not of the source package" in log


@pytest.mark.parametrize("name", ["../../../etc/passwd", "hello 1.dsc", "/etc/passwd"])
def test_paths_that_lead_out_are_refused(tmp_path: Path, client: FakeTaskClient, name: str) -> None:
    stored = client.artifacts[SOURCE]
    content = stored.files["hello_1.0-1.dsc"].replace(b"hello_1.0.orig.tar.gz", name.encode())
    files = {**stored.files, "hello_1.0-1.dsc": content}
    client.add(SOURCE, stored.category, stored.data, files)
    sandbox = Sandbox()
    assert task_for(client, tmp_path, sandbox).execute() is FAILURE
    assert sandbox.calls == []
    assert "hello_1.0-1.dsc" in client.uploaded[-1].files["fetch_input.log"].decode()


def test_a_source_package_of_another_category_is_refused(
    tmp_path: Path, client: FakeTaskClient
) -> None:
    task = task_for(client, tmp_path, Sandbox())
    stored = client.artifacts[SOURCE]
    client.add(SOURCE, Upload.category, {}, stored.files)
    assert task.execute() is FAILURE
    log = client.uploaded[-1].files["fetch_input.log"].decode()
    assert "unexpected artifact category: 'debian:upload'" in log


def test_what_the_server_is_told(tmp_path: Path, client: FakeTaskClient) -> None:
    task = task_for(client, tmp_path, Sandbox())
    assert task.dynamic_data is not None
    assert task.dynamic_data.subject == "hello"
    assert task.dynamic_data.parameter_summary == "hello_1.0-1"
    assert task.dynamic_data.environment_id == ENVIRONMENT
    assert task.dynamic_data.get_input_artifacts_ids() == [ENVIRONMENT, SOURCE]
    assert task.compute_system_provided_tags() == {"task:source-package:hello"}
    required = {"worker:executor:unshare", "worker:build-arch:amd64"}
    assert task.compute_system_required_tags() == required


@pytest.mark.parametrize(
    "data",
    [
        {"since_version": "-x"},
        {"since_version": "1 2"},
        {"target_distribution": "a\nFiles: b"},
        {"target_distribution": "sid\n"},
        {"target_distribution": ""},
        {"environment": None},
    ],
)
def test_data_that_is_refused(data: dict[str, Any]) -> None:
    given = {"input": {"source_artifact": SOURCE}, "environment": ENVIRONMENT, **data}
    with pytest.raises(TaskConfigError):
        MakeSourcePackageUpload(given)
