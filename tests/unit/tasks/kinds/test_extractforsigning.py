# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from debusine.artifacts.kinds.binary_package import BinaryPackage
from debusine.artifacts.kinds.signing_input import SigningInput
from debusine.artifacts.kinds.upload import Upload
from debusine.artifacts.relation import RelationType
from debusine.domain.result import WorkRequestResults
from debusine.tasks import TaskConfigError
from debusine.tasks.kinds.extractforsigning import ExtractForSigning
from debusine.testing.packages import write_changes, write_deb
from debusine.testing.signing_template import TEMPLATE, PackageSandbox, write_template
from debusine.testing.task_bench import make_task
from debusine.testing.task_client import FakeTaskClient

ENVIRONMENT, TEMPLATE_ID, HELLO, OTHER, UPLOAD = 1, 2, 3, 4, 5
SUCCESS, FAILURE = WorkRequestResults.SUCCESS, WorkRequestResults.FAILURE
PROGRAM = {"boot/hello.efi": b"program", "boot/two.efi": b"two", "secret": b"s"}


def wanting(*files: object, name: str = "hello") -> dict[str, Any]:
    """A ``files.json`` that asks for files."""
    return {"packages": {name: {"files": [{"sig_type": "efi", "file": one} for one in files]}}}


@pytest.fixture
def client(tmp_path: Path) -> FakeTaskClient:
    client = FakeTaskClient()
    client.add_environment(ENVIRONMENT)
    client.add_local(TEMPLATE_ID, BinaryPackage.from_deb(write_template(tmp_path)))
    client.add_local(HELLO, BinaryPackage.from_deb(write_deb(tmp_path, files=PROGRAM)))
    other = write_deb(tmp_path, {"Package": "other"}, files={"boot/other.efi": b"other"})
    client.add_local(OTHER, BinaryPackage.from_deb(other))
    return client


def make(
    client: FakeTaskClient, directory: Path, *binaries: int, script: PackageSandbox | None = None
) -> ExtractForSigning:
    data = {
        "input": {"template_artifact": TEMPLATE_ID, "binary_artifacts": list(binaries)},
        "environment": ENVIRONMENT,
    }
    sandbox = script or PackageSandbox()
    return make_task(ExtractForSigning, data, client=client, directory=directory, script=sandbox)


def replace_template(client: FakeTaskClient, directory: Path, metadata: object) -> None:
    (directory / "new").mkdir()
    deb = write_template(directory / "new", metadata=metadata)
    client.add_local(TEMPLATE_ID, BinaryPackage.from_deb(deb))


def failure(client: FakeTaskClient, directory: Path, *binaries: int) -> str:
    """Run a task that must fail and upload nothing but logs; returns why it did."""
    assert make(client, directory, *(binaries or (HELLO, OTHER))).execute() is FAILURE
    [logs] = client.uploaded
    found = logs.files.get("execution.log") or logs.files["fetch_input.log"]
    return found.decode().splitlines()[1]


def test_what_the_template_names_becomes_a_signing_input(
    tmp_path: Path, client: FakeTaskClient
) -> None:
    sandbox = PackageSandbox()
    task = make(client, tmp_path, HELLO, OTHER, script=sandbox)
    assert task.execute() is SUCCESS
    [found] = client.uploaded_of(SigningInput.category)
    assert found.files == {"hello/boot/hello.efi": b"program"}
    assert found.data == {"trusted_certs": ["ab" * 32], "binary_package_name": "hello"}
    assert [relation for relation in client.relations if relation[0] == found.id] == [
        (found.id, TEMPLATE_ID, RelationType.RELATES_TO),
        (found.id, HELLO, RelationType.RELATES_TO),
    ]
    unpacked = [Path(command[2]).name for command in sandbox.commands if command[1] == "-x"]
    # what the template does not name stays closed
    assert unpacked == [f"{TEMPLATE}_1.0-1_amd64.deb", "hello_1.0-1_amd64.deb"]


def test_one_signing_input_for_each_package(tmp_path: Path, client: FakeTaskClient) -> None:
    packages = {
        **wanting("boot/other.efi", name="other")["packages"],
        **wanting("./boot//two.efi", "boot/hello.efi", "boot/two.efi")["packages"],
    }
    replace_template(client, tmp_path, {"packages": packages, "more": "ignored"})
    assert make(client, tmp_path, HELLO, OTHER).execute() is SUCCESS
    assert [dict(each.files) for each in client.uploaded_of(SigningInput.category)] == [
        {"other/boot/other.efi": b"other"},
        {"hello/boot/two.efi": b"two", "hello/boot/hello.efi": b"program"},
    ]


def test_an_upload_stands_for_its_packages(tmp_path: Path, client: FakeTaskClient) -> None:
    deb = write_deb(tmp_path, files=PROGRAM)
    changes = write_changes(tmp_path, [deb], architecture="amd64")
    client.add_local(UPLOAD, Upload.from_changes(changes))
    client.relation_create(UPLOAD, HELLO, RelationType.EXTENDS)
    # given twice, in a way
    task = make(client, tmp_path, UPLOAD, HELLO)
    assert task.dynamic_data is not None
    assert task.dynamic_data.input_binary_artifacts_ids == [HELLO]
    assert task.execute() is SUCCESS


def test_the_architecture_of_the_template_decides(tmp_path: Path, client: FakeTaskClient) -> None:
    deb = write_deb(tmp_path, {"Architecture": "arm64"}, files={"boot/hello.efi": b"arm"})
    client.add_local(6, BinaryPackage.from_deb(deb))
    assert make(client, tmp_path, 6, HELLO).execute() is SUCCESS
    [found] = client.uploaded_of(SigningInput.category)
    assert found.files == {"hello/boot/hello.efi": b"program"}


def test_two_packages_of_one_name(tmp_path: Path, client: FakeTaskClient) -> None:
    same = client.artifacts[HELLO]
    client.add(6, same.category, same.data, same.files)
    said = failure(client, tmp_path, HELLO, 6)
    assert "several binary packages are called hello: artifacts 3, 6" in said


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        (wanting("../../etc/passwd"), "not a path inside of a package: '../../etc/passwd'"),
        (wanting("/etc/passwd"), "not a path inside of a package: '/etc/passwd'"),
        (wanting("a/../../b"), "not a path inside of a package"),
        (wanting("."), "not a path inside of a package"),
        (wanting("a\nb"), "not a path inside of a package"),
        (wanting("boot/hello.efi", name="../hello"), "not the name of a package: '../hello'"),
        (wanting("boot/hello.efi", name="h"), "not the name of a package: 'h'"),
        (wanting("boot/hello.efi", name="Hello"), "not the name of a package: 'Hello'"),
        (wanting("boot/hello.efi", name="-x"), "not the name of a package"),
        (wanting("missing"), "no such file: missing"),
        (wanting("boot"), "not a regular file: boot"),
        (wanting(), "at least 1 item"),
        (wanting(1), "Input should be a valid string"),
        (wanting("x", name="missing"), "missing signed, which is not among the binary packages"),
        ({}, "files.json of hello-signed-template is not valid: packages: Field required"),
        ([], "files.json of hello-signed-template is not valid"),
    ],
)
def test_bad_templates_are_refused(
    tmp_path: Path, client: FakeTaskClient, metadata: object, message: str
) -> None:
    replace_template(client, tmp_path, metadata)
    assert message in failure(client, tmp_path)


@pytest.mark.parametrize(
    ("links", "path", "message"),
    [
        ({"boot/evil": "/etc/passwd"}, "boot/evil", "leads out of its directory"),
        ({"boot/evil": "../../../../etc/passwd"}, "boot/evil", "leads out of its directory"),
        ({"boot/evil": "../.."}, "boot/evil/etc/passwd", "leads out of its directory"),
        ({"one": "two", "two": "one"}, "one", "too many symbolic links"),
    ],
)
def test_links_out_of_a_package_are_refused(
    tmp_path: Path, client: FakeTaskClient, links: dict[str, str], path: str, message: str
) -> None:
    replace_template(client, tmp_path, wanting(path))
    deb = write_deb(tmp_path, files=PROGRAM, links=links)
    client.add_local(HELLO, BinaryPackage.from_deb(deb))
    assert message in failure(client, tmp_path)


def test_links_inside_of_a_package_are_followed(tmp_path: Path, client: FakeTaskClient) -> None:
    replace_template(client, tmp_path, wanting("latest"))
    deb = write_deb(tmp_path, files=PROGRAM, links={"latest": "boot/two.efi"})
    client.add_local(HELLO, BinaryPackage.from_deb(deb))
    assert make(client, tmp_path, HELLO).execute() is SUCCESS
    [found] = client.uploaded_of(SigningInput.category)
    assert found.files == {"hello/latest": b"two"}


def test_what_is_no_template(tmp_path: Path, client: FakeTaskClient) -> None:
    client.artifacts[TEMPLATE_ID] = client.artifacts[OTHER]
    client.add(TEMPLATE_ID, BinaryPackage.category, client.artifacts[OTHER].data, {})
    assert "expected one .deb, found nothing" in failure(client, tmp_path, HELLO)


def test_what_is_no_deb(tmp_path: Path, client: FakeTaskClient) -> None:
    stored = client.artifacts[HELLO]
    client.add(HELLO, stored.category, stored.data, {"hello.udeb": b""})
    assert "expected one .deb, found hello.udeb" in failure(client, tmp_path)


def test_a_template_with_the_name_of_another_package(
    tmp_path: Path, client: FakeTaskClient
) -> None:
    stored = client.artifacts[OTHER]
    client.add(TEMPLATE_ID, stored.category, stored.data, stored.files)
    said = failure(client, tmp_path, HELLO)
    assert "other is no template for signed packages: no such file" in said


@pytest.mark.parametrize("name", ["../../x", "/x", "a b"])
def test_a_name_that_is_no_name(tmp_path: Path, client: FakeTaskClient, name: str) -> None:
    stored = client.artifacts[TEMPLATE_ID]
    fields = {**stored.data["deb_fields"], "Package": name}
    client.add(TEMPLATE_ID, stored.category, {**stored.data, "deb_fields": fields}, stored.files)
    assert f"not the name of a package: {name!r}" in failure(client, tmp_path)


def test_what_the_server_is_told(tmp_path: Path, client: FakeTaskClient) -> None:
    task = make(client, tmp_path, HELLO, OTHER)
    assert task.dynamic_data is not None
    assert task.dynamic_data.subject == TEMPLATE
    assert task.dynamic_data.parameter_summary == f"{TEMPLATE}_1.0-1 (amd64)"
    ids = [ENVIRONMENT, TEMPLATE_ID, HELLO, OTHER]
    assert task.dynamic_data.get_input_artifacts_ids() == ids
    assert set(task.get_input_artifacts_ids()) == set(ids)
    assert task.compute_system_provided_tags() == set()
    required = {"worker:executor:unshare", "worker:build-arch:amd64"}
    assert task.compute_system_required_tags() == required


def test_only_the_automatic_backend_is_accepted() -> None:
    data = {"input": {"template_artifact": 1, "binary_artifacts": [2]}, "environment": 3}
    assert ExtractForSigning({**data, "backend": "auto"}).backend == "unshare"
    with pytest.raises(TaskConfigError, match="the only accepted value is 'auto'"):
        ExtractForSigning({**data, "backend": "unshare"})
    with pytest.raises(TaskConfigError, match="environment"):
        ExtractForSigning({**data, "environment": None})
