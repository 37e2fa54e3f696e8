# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from debusine.artifacts.kinds.autopkgtest import Autopkgtest as AutopkgtestKind
from debusine.artifacts.kinds.binary_package import BinaryPackage
from debusine.artifacts.kinds.source_package import SourcePackage
from debusine.artifacts.kinds.upload import Upload
from debusine.artifacts.relation import RelationType
from debusine.domain.result import WorkRequestResults
from debusine.tasks import TaskConfigError
from debusine.tasks.autopkgtest_command import OUTPUT
from debusine.tasks.autopkgtest_data import AutopkgtestDynamicData
from debusine.tasks.kinds.autopkgtest import Autopkgtest
from debusine.testing import make_task
from debusine.testing.inputs import KEY
from debusine.testing.packages import write_changes, write_deb, write_dsc
from debusine.testing.task_client import FakeTaskClient
from debusine.util.apt_access import AptAccess

ENVIRONMENT_ID, SOURCE_ID, BINARY_ID, CONTEXT_ID = 1, 2, 3, 4
FAILURE, SUCCESS, TEMPORARY = (
    WorkRequestResults.FAILURE,
    WorkRequestResults.SUCCESS,
    WorkRequestResults.TEMPORARY_FAILURE,
)
DATA: dict[str, Any] = {
    "input": {
        "source_artifact": SOURCE_ID,
        "binary_artifacts": [BINARY_ID],
        "context_artifacts": [CONTEXT_ID],
    },
    "environment": ENVIRONMENT_ID,
    "build_architecture": "amd64",
}
METADATA = {
    "system:worker_type": "external",
    "system:architectures": ["amd64"],
    "executor:unshare:available": True,
    "autopkgtest:version": 1,
    "autopkgtest:available": True,
}
REPOSITORY = {
    "url": "https://deb.example.org/extra",
    "suite": "extra",
    "components": ["main"],
    "signing_key": KEY,
}
# writes what autopkgtest would, and ends as it would
PROGRAM = """\
#!/bin/sh
mkdir -p artifact-dir/binaries artifact-dir/artifacts
echo "$0" "$@" > artifact-dir/log
echo "$TMPDIR" > "$TMPDIR/left-over"
: > artifact-dir/binaries/hello.deb
ln -s /etc/passwd artifact-dir/artifacts/link
{extra}
exit {status}
"""
WRITE_SUMMARY = "printf '%s\\n' {lines} > artifact-dir/summary"


@pytest.fixture
def client(tmp_path: Path) -> FakeTaskClient:
    """A server with environment, source, what is tested, and what is beside it."""
    found = FakeTaskClient()
    found.add_environment(ENVIRONMENT_ID)
    packages = tmp_path / "packages"
    packages.mkdir()
    found.add_local(SOURCE_ID, SourcePackage.from_dsc(write_dsc(packages)))
    found.add_local(BINARY_ID, BinaryPackage.from_deb(write_deb(packages)))
    context = write_deb(packages, {"Package": "a-context", "Source": "a-context"})
    found.add_local(CONTEXT_ID, BinaryPackage.from_deb(context))
    return found


def made(tmp_path: Path, client: FakeTaskClient, **data: Any) -> Autopkgtest:
    """A task as a worker has it."""
    task = make_task(Autopkgtest, DATA | data, client=client, directory=tmp_path / "task")
    task.apt_access_directory = tmp_path / "lent"
    AptAccess().write(task.apt_access_directory)
    return task


def command(task: Autopkgtest, tmp_path: Path) -> list[str]:
    """Bring a task to where it would run, and say what it would."""
    fetched, output = tmp_path / "fetch", tmp_path / "exec"
    fetched.mkdir()
    output.mkdir()
    assert task.fetch_input(fetched)
    assert task.configure_for_execution(fetched)
    task.prepare_to_run(fetched, output)
    return task._cmdline()


def put_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, *lines: str, extra: str = ""
) -> None:
    """Let a program take the place of autopkgtest."""
    if lines:
        extra = WRITE_SUMMARY.format(lines=" ".join(f"'{line}'" for line in lines))
    path = tmp_path / "bin" / "autopkgtest"
    path.parent.mkdir()
    path.write_text(PROGRAM.format(status=status, extra=extra))
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{path.parent}:{os.environ['PATH']}")


# what the server asks


def test_dynamic_data(tmp_path: Path, client: FakeTaskClient) -> None:
    task = made(tmp_path, client)
    assert task.compute_dynamic_data() == AutopkgtestDynamicData(
        subject="hello",
        parameter_summary="hello_1.0-1 (amd64)",
        runtime_context="amd64:unshare",
        configuration_context="trixie",
        environment_id=ENVIRONMENT_ID,
        extra_repositories=None,
        input_source_artifact_id=SOURCE_ID,
        input_binary_artifacts_ids=[BINARY_ID],
        input_context_artifacts_ids=[CONTEXT_ID],
    )
    assert task.compute_dynamic_data().get_source_package_name() == "hello"
    assert set(task.get_input_artifacts_ids()) == {1, 2, 3, 4}


def test_the_source_may_be_that_of_an_upload(tmp_path: Path, client: FakeTaskClient) -> None:
    directory = tmp_path / "upload"
    directory.mkdir()
    write_dsc(directory)
    changes = write_changes(directory, sorted(directory.iterdir()), architecture="source")
    client.add_local(SOURCE_ID, Upload.from_changes(changes))
    task = made(tmp_path, client)
    assert task.get_subject() == "hello"
    assert f"{tmp_path}/fetch/hello_1.0-1.dsc" in command(task, tmp_path)


def test_scheduling(tmp_path: Path, client: FakeTaskClient) -> None:
    task = made(tmp_path, client)
    assert task.compute_system_required_tags() == {
        "worker:executor:unshare",
        "worker:build-arch:amd64",
        "worker:cap:autopkgtest",
    }
    assert task.compute_system_provided_tags() == {"task:source-package:hello"}
    assert task.can_run_on(METADATA)
    assert not task.can_run_on(METADATA | {"autopkgtest:available": False})


def test_incus_needs_a_server_of_autopkgtest(tmp_path: Path, client: FakeTaskClient) -> None:
    task = made(tmp_path, client, backend="incus-lxc")
    assert "worker:cap:autopkgtest-virt-incus" in task.compute_system_required_tags()
    metadata = METADATA | {"executor:incus-lxc:available": True}
    assert not task.can_run_on(metadata)
    assert task.can_run_on(metadata | {"autopkgtest:available:incus": True})


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"input": {"source_artifact": 2}}, "binary_artifacts"),
        ({"include_tests": ["a b"]}, "include_tests"),
        ({"exclude_tests": [""]}, "exclude_tests"),
        ({"debug_level": 4}, "debug_level"),
        ({"pin_packages": {"sid=": ["a"]}}, "pin_packages"),
        ({"pin_packages": {"sid": ["a,b"]}}, "pin_packages"),
        ({"extra_environment": {"A=B": "c"}}, "extra_environment"),
        ({"extra_environment": {"A": "it's"}}, "extra_environment"),
        ({"needs_internet": "maybe"}, "needs_internet"),
        ({"fail_on": {"passed_test": True}}, "fail_on"),
        ({"timeout": {"test": -1}}, "timeout"),
        ({"timeout": {"reboot": 1}}, "timeout"),
        ({"build_architecture": "../amd64"}, "build_architecture"),
    ],
)
def test_wrong_data_are_refused(data: dict[str, Any], message: str) -> None:
    with pytest.raises(TaskConfigError, match=message):
        Autopkgtest(DATA | data)


# the command


def test_the_command(tmp_path: Path, client: FakeTaskClient) -> None:
    assert command(made(tmp_path, client), tmp_path) == [
        "autopkgtest",
        "--apt-upgrade",
        "--output-dir=artifact-dir",
        "--summary-file=artifact-dir/summary",
        "--no-built-binaries",
        "--needs-internet=run",
        f"{tmp_path}/fetch/a-context_1.0-1_amd64.deb",
        f"{tmp_path}/fetch/hello_1.0-1_amd64.deb",
        f"{tmp_path}/fetch/hello_1.0-1.dsc",
        "--",
        "fake",
        "--image",
        str(tmp_path / "task" / "work" / "image.tar.zst"),
    ]


def test_options_that_users_choose(tmp_path: Path, client: FakeTaskClient) -> None:
    task = made(
        tmp_path,
        client,
        include_tests=["a", "b"],
        exclude_tests=["c"],
        debug_level=2,
        use_packages_from_base_repository=True,
        pin_packages={"sid": ["src:hello", "world"], "experimental": ["x"]},
        extra_environment={"A": "b c=$d", "E": ""},
        needs_internet="skip",
        timeout={
            "global": 10, "factor": 2, "short": 3, "install": 4, "test": 0, "copy": 6, "build": 7,
        },
    )  # fmt: skip
    found = command(task, tmp_path)
    assert found[: found.index("--timeout-build=7") + 1] == [
        "timeout",
        "--kill-after=60",
        "10",
        "autopkgtest",
        "--apt-upgrade",
        "--output-dir=artifact-dir",
        "--summary-file=artifact-dir/summary",
        "--no-built-binaries",
        "--test-name=a",
        "--test-name=b",
        "--skip-test=c",
        "-dd",
        "--apt-default-release=trixie",
        "--pin-packages=sid=src:hello,world",
        "--pin-packages=experimental=x",
        "--env=A=b c=$d",
        "--env=E=",
        "--needs-internet=skip",
        "--timeout-factor=2",
        "--timeout-short=3",
        "--timeout-install=4",
        "--timeout-test=0",
        "--timeout-copy=6",
        "--timeout-build=7",
    ]


@pytest.mark.parametrize(
    ("codename", "expected"),
    [
        (
            "trixie",
            ["extra_repository_0.sources:/etc/apt/sources.list.d/extra_repository_0.sources"],
        ),
        (
            "bullseye",
            [
                "extra_repository_0.sources:/etc/apt/sources.list.d/extra_repository_0.sources",
                "extra_apt_key_0.asc:/etc/apt/keyrings/extra_apt_key_0.asc",
            ],
        ),
        (
            "jessie",
            [
                "extra_repository_0.list:/etc/apt/sources.list.d/extra_repository_0.list",
                "extra_apt_key_0.asc:/etc/apt/keyrings/extra_apt_key_0.asc",
            ],
        ),
    ],
)
def test_extra_repositories(
    tmp_path: Path, client: FakeTaskClient, codename: str, expected: list[str]
) -> None:
    client.add_environment(ENVIRONMENT_ID, codename=codename)
    found = command(made(tmp_path, client, extra_repositories=[REPOSITORY]), tmp_path)
    copied = [option.removeprefix("--copy=") for option in found if "/fetch/extra_" in option]
    trust = "--setup-commands=apt-key add /etc/apt/keyrings/extra_apt_key_0.asc"
    if codename == "jessie":
        # before anything is fetched
        assert found.index(trust) < found.index("--apt-upgrade")
    else:
        assert trust not in found
    assert copied == [f"{tmp_path}/fetch/{name}" for name in expected]


def test_apt_is_lent_what_is_no_secret(tmp_path: Path, client: FakeTaskClient) -> None:
    task = made(tmp_path, client)
    assert task.apt_access_directory is not None
    lent = AptAccess(
        settings=(
            ("Acquire::http::Proxy", "http://proxy.example.org:3128"),
            ("Acquire::https::Proxy", "http://me:secret@proxy.example.org:3128"),
        ),
        file_settings=(("Acquire::https::CaInfo", "ca.pem"),),
        files=(("ca.pem", b"certificate"),),
        netrc="machine deb.example.org login me password secret",
    )
    lent.write(task.apt_access_directory)
    found = command(task, tmp_path)
    copies = dict(
        option.removeprefix("--copy=").split(":")[::-1]
        for option in found
        if option.startswith("--copy=") and "apt" in option
    )
    assert set(copies) == {
        "/etc/apt/apt.conf.d/90debusine-access",
        "/etc/apt/debusine-access/ca.pem",
    }
    conf = Path(copies["/etc/apt/apt.conf.d/90debusine-access"])
    assert "http://proxy.example.org:3128" in conf.read_text()
    assert "secret" not in conf.read_text()
    assert conf.stat().st_mode & 0o777 == 0o644
    assert "/etc/apt/debusine-access/ca.pem" in conf.read_text()


# the run


def test_a_run(tmp_path: Path, client: FakeTaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    put_program(tmp_path, monkeypatch, 6, "smoke PASS", "bad FAIL stderr: oops", "no SKIP why")
    task = made(tmp_path, client)
    assert task.execute() is FAILURE
    [report] = client.uploaded_of(AutopkgtestKind.category)
    assert set(report.files) == {"log", "summary"}
    assert report.data == {
        "results": {
            "smoke": {"status": "PASS", "details": None},
            "bad": {"status": "FAIL", "details": "stderr: oops"},
            "no": {"status": "SKIP", "details": "why"},
        },
        "cmdline": report.data["cmdline"],
        "source_package": {
            "name": "hello",
            "version": "1.0-1",
            "url": client.artifact_get(SOURCE_ID).files["hello_1.0-1.dsc"].url,
        },
        "architecture": "amd64",
        "distribution": "debian:trixie",
    }
    assert report.data["cmdline"].startswith("autopkgtest --apt-upgrade --output-dir=")
    related = {target for source, target, _ in client.relations if source == report.id}
    # what is only beside it is not what the report is about
    assert related == {SOURCE_ID, BINARY_ID}
    assert {kind for _, _, kind in client.relations} == {RelationType.RELATES_TO}
    assert [(error.code, error.message) for error in task.reported_errors] == [
        ("tests-failed", "failed: bad")
    ]
    [logs] = client.uploaded_of("debusine:work-request-debug-logs")
    assert logs.text("task_result.log") == "exit status 6\nfailed: bad\n"
    assert not list((tmp_path / "task").glob("tmp-*"))


def test_a_run_without_failures(
    tmp_path: Path, client: FakeTaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_program(tmp_path, monkeypatch, 0, "smoke PASS")
    task = made(tmp_path, client)
    assert task.execute() is SUCCESS
    assert task.reported_errors == []


@pytest.mark.parametrize(
    ("status", "lines", "results"),
    [
        (16, ("smoke PASS", "testbed failure: gone"), {"smoke"}),
        (20, ("what it says is none of ours", "Traceback"), set()),
        (16, (), set()),
    ],
)
def test_a_broken_testbed_is_a_temporary_failure(
    tmp_path: Path,
    client: FakeTaskClient,
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    lines: tuple[str, ...],
    results: set[str],
) -> None:
    put_program(tmp_path, monkeypatch, status, *lines)
    task = made(tmp_path, client)
    assert task.execute() is TEMPORARY
    [report] = client.uploaded_of(AutopkgtestKind.category)
    assert set(report.data["results"]) == results
    assert "log" in report.files
    assert [error.code for error in task.reported_errors] == ["testbed-failed"]


def test_a_testbed_that_leaves_nothing(
    tmp_path: Path, client: FakeTaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_program(tmp_path, monkeypatch, 16, extra=f"rm -r {OUTPUT}")
    assert made(tmp_path, client).execute() is TEMPORARY
    assert client.uploaded_of(AutopkgtestKind.category) == []


@pytest.mark.parametrize(
    ("lines", "extra"), [(("smoke MAYBE",), ""), ((), ""), ((), "ln -s log artifact-dir/summary")]
)
def test_a_summary_that_is_none(
    tmp_path: Path,
    client: FakeTaskClient,
    monkeypatch: pytest.MonkeyPatch,
    lines: tuple[str, ...],
    extra: str,
) -> None:
    put_program(tmp_path, monkeypatch, 0, *lines, extra=extra)
    task = made(tmp_path, client)
    assert task.execute() is FAILURE
    assert client.uploaded_of(AutopkgtestKind.category) == []
    assert "summary" in task.reported_errors[0].message


def test_a_run_that_takes_too_long_is_ended(
    tmp_path: Path, client: FakeTaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_program(tmp_path, monkeypatch, 0, extra=": > artifact-dir/summary; exec sleep 600")
    task = made(tmp_path, client, timeout={"global": 1})
    assert task.execute() is FAILURE
    assert "longer than its user allows" in task.reported_errors[0].message


def test_a_source_that_was_changed_is_not_tested(tmp_path: Path, client: FakeTaskClient) -> None:
    stored = client.artifacts[SOURCE_ID]
    files = {name: content + b" " for name, content in stored.files.items()}
    client.add(SOURCE_ID, stored.category, stored.data, files)
    task = made(tmp_path, client)
    assert task.execute() is FAILURE
    [logs] = client.uploaded
    assert "does not fit its files" in logs.text("configure_for_execution.log")


def test_a_source_without_dsc(tmp_path: Path, client: FakeTaskClient) -> None:
    client.add(SOURCE_ID, "debian:source-package", client.artifacts[SOURCE_ID].data, {})
    assert made(tmp_path, client).execute() is FAILURE
    [logs] = client.uploaded
    assert logs.text("configure_for_execution.log") == "source package not found\n"
