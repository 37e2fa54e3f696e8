# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from debusine.artifacts.kinds.binary_package import BinaryPackage
from debusine.artifacts.kinds.lintian import Lintian as LintianKind
from debusine.artifacts.kinds.source_package import SourcePackage
from debusine.artifacts.kinds.system_tarball import SystemTarball
from debusine.artifacts.relation import RelationType
from debusine.domain.result import WorkRequestResults
from debusine.tasks import TaskConfigError
from debusine.tasks.kinds.lintian import Lintian
from debusine.testing.executor import FakeCall, FakeInstance, FakeResult, scripted_executor
from debusine.testing.packages import write_deb, write_dsc
from debusine.testing.task_client import FakeTaskClient
from debusine.util.apt_access import AptAccess

OUTPUT = (
    b"N:\nE: hello source: no-thing [debian/control:1]\nN: \nN:   Why.\nN: \n"
    b"N:\nW: hello: odd-thing usr/bin/hello\nN:\nI: hello-doc: small-thing\n"
)
SUCCESS, FAILURE, ERROR = (
    WorkRequestResults.SUCCESS,
    WorkRequestResults.FAILURE,
    WorkRequestResults.ERROR,
)


class Sandbox:
    """What commands do: lintian prints; apt makes it available."""

    def __init__(
        self, *, installed: bool = True, returncode: int = 0, output: bytes = OUTPUT
    ) -> None:
        self.installed = installed
        self.output = output
        self.returncode = returncode
        self.calls: list[tuple[str, ...]] = []
        self.conf: list[str] = []

    def __call__(self, call: FakeCall, instance: FakeInstance) -> FakeResult:
        self.calls.append(call.argv)
        if call.argv[:2] == ("test", "-x"):
            return FakeResult(returncode=0 if self.installed else 1)
        if call.argv == ("lintian", "--print-version"):
            return FakeResult(stdout=b"2.116.3\n")
        if call.argv[0] == "lintian":
            return FakeResult(stdout=self.output, returncode=self.returncode)
        if "apt-get" in call.argv:
            self.conf += [path.name for path in instance.inside(Path("/etc")).rglob("*")]
        return FakeResult()


def client_with_packages(directory: Path) -> FakeTaskClient:
    client = FakeTaskClient()
    client.add(1, SystemTarball.category, {"codename": "sid"}, {"system.tar.zst": b""})
    dsc = write_dsc(directory)
    files = {path.name: path.read_bytes() for path in directory.iterdir()}
    client.add(2, SourcePackage.category, {}, {**files, dsc.name: dsc.read_bytes()})
    for number, fields in enumerate(({}, {"Package": "hello-doc", "Architecture": "all"}), start=3):
        deb = write_deb(directory, fields)
        client.add(number, BinaryPackage.category, {}, {deb.name: deb.read_bytes()})
    return client


def make_task(directory: Path, sandbox: Sandbox, **data: Any) -> tuple[Lintian, FakeTaskClient]:
    (directory / "packages").mkdir()
    client: Any = client_with_packages(directory / "packages")
    task = Lintian(
        {"input": {"source_artifact": 2, "binary_artifacts": [3, 4]}, "environment": 1, **data},
        {
            "environment_id": 1,
            "input_source_artifact_id": 2,
            "input_binary_artifacts_ids": [3, 4],
        },
    )
    task.executor_type = scripted_executor(sandbox)
    task.apt_access_directory = directory / "lent"
    AptAccess().write(task.apt_access_directory)
    task.debusine, task.workspace_name, task.work_request_id = client, "System", 9
    task.set_working_directory(directory / "work")
    return task, client


def test_one_report_for_each_architecture(tmp_path: Path) -> None:
    task, client = make_task(tmp_path, Sandbox())
    assert task.execute() is FAILURE
    reports = client.uploaded_of(LintianKind.category)
    assert [report.data["architecture"] for report in reports] == ["all", "amd64", "source"]
    found = [json.loads(report.files["analysis.json"])["tags"] for report in reports]
    assert [[tag["tag"] for tag in tags] for tags in found] == [
        ["small-thing"],
        ["odd-thing"],
        ["no-thing"],
    ]
    assert found[2][0]["package"] == "hello"
    assert found[2][0]["explanation"] == "Why."
    assert reports[2].data["summary"]["package_filename"] == {"hello": "hello_1.0-1.dsc"}
    assert reports[2].data["summary"]["lintian_version"] == "2.116.3"
    assert reports[2].data["summary"]["distribution"] == "debian:unstable"
    assert all(report.files["lintian.txt"] == OUTPUT for report in reports)
    assert all(report.work_request == 9 for report in reports)
    for report in reports:
        related = [target for source, target, _ in client.relations if source == report.id]
        assert related == [2, 3, 4]
    assert {relation for _, _, relation in client.relations} == {RelationType.RELATES_TO}


@pytest.mark.parametrize(
    ("threshold", "output", "result"),
    [
        ("error", {}, FAILURE),
        ("error", {"source_analysis": False}, SUCCESS),
        ("warning", {"source_analysis": False}, FAILURE),
        ("info", {"source_analysis": False, "binary_any_analysis": False}, FAILURE),
        ("warning", {"source_analysis": False, "binary_any_analysis": False}, SUCCESS),
        ("none", {}, SUCCESS),
    ],
)
def test_result(
    tmp_path: Path, threshold: str, output: dict[str, bool], result: WorkRequestResults
) -> None:
    task, client = make_task(tmp_path, Sandbox(), fail_on_severity=threshold, output=output)
    assert task.execute() is result
    reported = {report.data["architecture"] for report in client.uploaded_of("debian:lintian")}
    hidden = {"source": "source_analysis", "amd64": "binary_any_analysis"}
    assert reported == {"source", "all", "amd64"} - {
        name for name, key in hidden.items() if output.get(key) is False
    }


@pytest.mark.parametrize(("code", "result"), [(0, FAILURE), (2, FAILURE), (1, ERROR), (25, ERROR)])
def test_exit_status(tmp_path: Path, code: int, result: WorkRequestResults) -> None:
    task, client = make_task(tmp_path, Sandbox(returncode=code))
    assert task.execute() is result
    assert bool(client.uploaded_of("debian:lintian")) is (result is not ERROR)


def test_command(tmp_path: Path) -> None:
    sandbox = Sandbox()
    task, _ = make_task(tmp_path, sandbox, include_tags=["a", "c", "b"], exclude_tags=["c"])
    task.execute()
    [command] = [call for call in sandbox.calls if call[:2] == ("lintian", "--no-cfg")]
    assert command[1:9] == (
        "--no-cfg",
        "--display-level",
        ">=classification",
        "--display-experimental",
        "--info",
        "--show-overrides",
        "--tags=a,b",
        "--suppress-tags=c",
    )
    assert [Path(name).name for name in command[9:]] == [
        "hello_1.0-1.dsc",
        "hello-doc_1.0-1_all.deb",
        "hello_1.0-1_amd64.deb",
    ]


def test_lintian_is_installed_only_where_it_is_missing(tmp_path: Path) -> None:
    there, missing = Sandbox(), Sandbox(installed=False)
    for name, sandbox in (("a", there), ("b", missing)):
        (tmp_path / name).mkdir()
        make_task(tmp_path / name, sandbox)[0].execute()
    assert [call for call in there.calls if "apt-get" in call] == []
    installs = [call for call in missing.calls if "apt-get" in call]
    assert [("update" in call, "lintian" in call) for call in installs] == [
        (True, False),
        (False, True),
    ]


def test_apt_is_lent_only_while_lintian_is_installed(tmp_path: Path) -> None:
    sandbox = Sandbox(installed=False)
    task, _ = make_task(tmp_path, sandbox)
    access = AptAccess(settings=(("Acquire::http::Proxy", "http://proxy.example.org"),))
    access.write(tmp_path / "lent")
    task.execute()
    assert "90debusine-access" in sandbox.conf
    removed = [call for call in sandbox.calls if call[:2] == ("rm", "-rf")]
    assert removed == [
        ("rm", "-rf", "/etc/apt/debusine-access", "/etc/apt/apt.conf.d/90debusine-access")
    ]


def test_the_live_log_gets_a_list_and_the_report_everything(tmp_path: Path, sender: Any) -> None:
    odd = b"W: hello: odd \xff \x1b]0;evil\x07\x1b[31m\n"
    task, client = make_task(tmp_path, Sandbox(output=OUTPUT + odd))
    task.log_sender = sender
    task.execute()
    assert sender.bytes_of("stdout").decode() == (
        "error          hello source: no-thing [debian/control:1]\n"
        "warning        hello: odd \ufffd\n"
        "warning        hello: odd-thing usr/bin/hello\n"
        "info           hello-doc: small-thing\n"
        "lintian: 1 error, 2 warnings, 1 info\n"
    )
    reports = client.uploaded_of(LintianKind.category)
    assert all(report.files["lintian.txt"] == OUTPUT + odd for report in reports)


@pytest.mark.parametrize(("code", "output"), [(1, b"it broke\n"), (0, b"what is this\n")])
def test_what_is_no_list_goes_live_as_it_is(
    tmp_path: Path, sender: Any, code: int, output: bytes
) -> None:
    task, _ = make_task(tmp_path, Sandbox(returncode=code, output=output))
    task.log_sender = sender
    assert task.execute() is not SUCCESS
    assert sender.bytes_of("stdout") == output


def test_nothing_to_check(tmp_path: Path) -> None:
    task, client = make_task(tmp_path, Sandbox())
    for number in (2, 3, 4):
        client.add(number, SourcePackage.category, {}, {"bad.dsc": b"no dsc", "dsc": b""})
    assert task.execute() is FAILURE
    [logs] = client.uploaded
    assert b"no .dsc, .deb or .udeb files" in logs.files["configure_for_execution.log"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"input": {}},
        {"input": {"binary_artifacts": []}},
        {"include_tags": ["a,b"]},
        {"include_tags": ["a"], "exclude_tags": ["b", "a"]},
        {"fail_on_severity": "classification"},
    ],
)
def test_refuses(wrong: dict[str, Any]) -> None:
    with pytest.raises(TaskConfigError):
        Lintian({"input": {"source_artifact": 2}, "environment": 1, **wrong})
