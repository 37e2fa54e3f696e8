# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from debusine.artifacts.kinds.binary_package import BinaryPackage
from debusine.artifacts.kinds.signing_input import SigningInput
from debusine.artifacts.kinds.signing_output import SigningOutput
from debusine.artifacts.kinds.source_package import SourcePackage
from debusine.artifacts.kinds.upload import Upload
from debusine.artifacts.relation import RelationType
from debusine.domain.result import WorkRequestResults
from debusine.tasks import TaskConfigError
from debusine.tasks.kinds.assemblesignedsource import AssembleSignedSource
from debusine.testing.executor import FakeCall, FakeInstance, FakeResult
from debusine.testing.packages import write_deb
from debusine.testing.signing_template import SOURCE, TEMPLATE, PackageSandbox, write_template
from debusine.testing.task_bench import make_task
from debusine.testing.task_client import FakeTaskClient
from debusine.util.apt_access import AptAccess

ENVIRONMENT, TEMPLATE_ID, HELLO, OTHER, ASKED, ASKED_OTHER, SIGNED, SIGNED_OTHER = range(1, 9)
SUCCESS, FAILURE = WorkRequestResults.SUCCESS, WorkRequestResults.FAILURE
SIGNATURE = "debian/signatures/hello/boot/hello.efi.sig"


def output(*results: Mapping[str, str], purpose: str = "uefi") -> dict[str, Any]:
    return {"purpose": purpose, "fingerprint": "F" * 64, "results": list(results)}


def signed(file: str, output_file: str) -> dict[str, str]:
    return {"file": file, "output_file": output_file}


GOOD = output(signed("hello/boot/hello.efi", "hello/boot/hello.efi.sig"))


@pytest.fixture
def client(tmp_path: Path) -> FakeTaskClient:
    client = FakeTaskClient()
    client.add_environment(ENVIRONMENT)
    client.add_local(TEMPLATE_ID, BinaryPackage.from_deb(write_template(tmp_path)))
    for number, name in ((HELLO, "hello"), (OTHER, "other")):
        client.add_local(number, BinaryPackage.from_deb(write_deb(tmp_path, {"Package": name})))
    for number, package in ((ASKED, HELLO), (ASKED_OTHER, OTHER)):
        client.add(number, SigningInput.category, {}, {})
        client.relation_create(number, package, RelationType.RELATES_TO)
    client.add(SIGNED, SigningOutput.category, GOOD, {"hello/boot/hello.efi.sig": b"signature"})
    client.add(SIGNED_OTHER, SigningOutput.category, output(), {})
    for number, asked in ((SIGNED, ASKED), (SIGNED_OTHER, ASKED_OTHER)):
        client.relation_create(number, asked, RelationType.RELATES_TO)
    return client


def make(
    client: FakeTaskClient, directory: Path, *artifacts: int, script: Any = None
) -> AssembleSignedSource:
    data = {"template": TEMPLATE_ID, "signed": list(artifacts), "environment": ENVIRONMENT}
    task = make_task(
        AssembleSignedSource,
        data,
        client=client,
        directory=directory,
        script=script or PackageSandbox(),
    )
    task.apt_access_directory = directory / "lent"
    AptAccess().write(task.apt_access_directory)
    return task


def replace_template(client: FakeTaskClient, directory: Path, **template: Any) -> None:
    (directory / "new").mkdir()
    deb = write_template(directory / "new", **template)
    client.add_local(TEMPLATE_ID, BinaryPackage.from_deb(deb))


def failure(client: FakeTaskClient, directory: Path, *artifacts: int) -> str:
    """Run a task that must fail and upload nothing but logs; returns why it did."""
    assert make(client, directory, *(artifacts or (SIGNED,))).execute() is FAILURE
    [logs] = client.uploaded
    found = logs.files.get("execution.log") or logs.files["fetch_input.log"]
    return "\n".join(found.decode().splitlines()[1:3])


def relations_of(client: FakeTaskClient, artifact: int) -> list[tuple[int, RelationType]]:
    return [(target, kind) for source, target, kind in client.relations if source == artifact]


def test_the_source_is_built_with_the_signatures(tmp_path: Path, client: FakeTaskClient) -> None:
    sandbox = PackageSandbox()
    assert make(client, tmp_path, SIGNED, SIGNED_OTHER, script=sandbox).execute() is SUCCESS
    assert sandbox.built == {**SOURCE, SIGNATURE: b"signature"}
    [source] = client.uploaded_of(SourcePackage.category)
    [upload] = client.uploaded_of(Upload.category)
    assert source.data["name"] == "hello-signed"
    assert source.data["version"] == "1:1.0+1"
    names = {"hello-signed_1.0+1.dsc", "hello-signed_1.0+1.tar.xz"}
    assert set(source.files) == names
    # an epoch is no part of file names
    assert set(upload.files) == {*names, "hello-signed_1.0+1_source.changes"}
    assert relations_of(client, upload.id) == [(source.id, RelationType.EXTENDS)]
    # of all signatures, not only of the last
    assert relations_of(client, source.id) == [
        (HELLO, RelationType.BUILT_USING),
        (OTHER, RelationType.BUILT_USING),
    ]
    [changes] = [command for command in sandbox.commands if "dpkg-genchanges" in command]
    assert changes[2:] == (
        "dpkg-genchanges",
        "-S",
        "-DDistribution=unstable",
        "-UCloses",
        "-O../hello-signed_1.0+1_source.changes",
    )


def test_a_template_that_wants_nothing_signed(tmp_path: Path, client: FakeTaskClient) -> None:
    replace_template(client, tmp_path, metadata={"packages": {}})
    assert make(client, tmp_path).execute() is SUCCESS
    [source] = client.uploaded_of(SourcePackage.category)
    assert relations_of(client, source.id) == []


@pytest.mark.parametrize("path", sorted(SOURCE))
def test_a_source_that_is_not_complete(tmp_path: Path, client: FakeTaskClient, path: str) -> None:
    rest = {name: content for name, content in SOURCE.items() if name != path}
    replace_template(client, tmp_path, source=rest)
    assert f"no such file: {path}" in failure(client, tmp_path)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"debian/source/format": b"3.0 (quilt)\n"}, "must be '3.0 (native)', not '3.0 (quilt)'"),
        ({"debian/source/format": b"3.0 (native)\n\n"}, "must be '3.0 (native)'"),
        ({"debian/source/options": b"x"}, "must not have debian/source/options"),
        ({"debian/source/local-options": b"x"}, "must not have debian/source/local-options"),
        ({"debian/changelog": b"nonsense"}, "debian/changelog is malformed"),
        ({"debian/changelog": b"\xff"}, "debian/changelog is not UTF-8"),
        (
            {"debian/changelog": SOURCE["debian/changelog"].replace(b"1:1.0+1", b"1/../../2")},
            "debian/changelog",
        ),
        (
            {"debian/changelog": SOURCE["debian/changelog"].replace(b"unstable", b"../x")},
            "debian/changelog",
        ),
        ({SIGNATURE: b"mine"}, f"the template has a signature already: {SIGNATURE}"),
        ({"debian/signatures/hello": b"x"}, "something where signatures belong"),
    ],
)
def test_a_source_that_is_refused(
    tmp_path: Path, client: FakeTaskClient, files: dict[str, bytes], message: str
) -> None:
    replace_template(client, tmp_path, source={**SOURCE, **files})
    assert message in failure(client, tmp_path)


@pytest.mark.parametrize(
    ("links", "message"),
    [
        ({"evil": "/etc/passwd"}, "leads out of its directory"),
        # still inside of the template, and out of the source
        ({"evil": "../files.json"}, "leads out of its directory"),
        ({"debian/signatures": "."}, "something where signatures belong: debian/signatures"),
        ({"debian/source/options": "format"}, "must not have debian/source/options"),
    ],
)
def test_links_that_are_refused(
    tmp_path: Path, client: FakeTaskClient, links: dict[str, str], message: str
) -> None:
    replace_template(client, tmp_path, links=links)
    assert message in failure(client, tmp_path)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (output(), "there is no uefi signature of hello/boot/hello.efi"),
        (
            output({"file": "hello/boot/hello.efi", "error_message": "key is lost"}),
            "there is no uefi signature of hello/boot/hello.efi\nkey is lost",
        ),
        (output(*GOOD["results"], purpose="openpgp"), "there is no uefi signature"),
        (
            output(signed("hello/boot/hello.efi", "../../../etc/passwd")),
            "path leads out of its directory: '../../../etc/passwd'",
        ),
        (output(signed("hello/boot/hello.efi", "/etc/passwd")), "leads out of its directory"),
        (output(signed("hello/boot/hello.efi", "missing")), "is missing: missing"),
    ],
)
def test_signatures_that_are_not_there(
    tmp_path: Path, client: FakeTaskClient, data: dict[str, Any], message: str
) -> None:
    client.add(SIGNED, SigningOutput.category, data, client.artifacts[SIGNED].files)
    assert message in failure(client, tmp_path)


def test_two_signatures_of_one_file(tmp_path: Path, client: FakeTaskClient) -> None:
    client.add(SIGNED_OTHER, SigningOutput.category, GOOD, {"hello/boot/hello.efi.sig": b"another"})
    said = failure(client, tmp_path, SIGNED, SIGNED_OTHER)
    assert "there are two signatures of hello/boot/hello.efi, which differ" in said


def test_a_type_of_signature_that_nobody_knows(tmp_path: Path, client: FakeTaskClient) -> None:
    files = [{"sig_type": "linux-module", "file": "boot/hello.efi"}]
    replace_template(client, tmp_path, metadata={"packages": {"hello": {"files": files}}})
    assert "a signature of an unknown type: 'linux-module'" in failure(client, tmp_path)


def test_a_package_with_another_template(tmp_path: Path, client: FakeTaskClient) -> None:
    hello = client.artifacts[HELLO]
    client.add(TEMPLATE_ID, hello.category, hello.data, hello.files)
    assert "hello is no template for signed packages" in failure(client, tmp_path)


def test_output_that_is_not_what_the_changelog_says(tmp_path: Path, client: FakeTaskClient) -> None:
    changelog = SOURCE["debian/changelog"].replace(b"hello-signed (", b"hello-other (")
    replace_template(client, tmp_path, source={**SOURCE, "debian/changelog": changelog})
    assert make(client, tmp_path, SIGNED).execute() is FAILURE
    [logs] = client.uploaded
    log = logs.files["consistency.log"].decode()
    assert "hello-signed_1.0+1.dsc is about hello-signed 1:1.0+1, not hello-other 1:1.0+1" in log


def test_a_build_that_fails(tmp_path: Path, client: FakeTaskClient) -> None:
    sandbox = PackageSandbox()

    def fail(call: FakeCall, instance: FakeInstance) -> FakeResult:
        done = sandbox(call, instance)
        return FakeResult(returncode=2) if "dpkg-source" in call.argv else done

    assert make(client, tmp_path, SIGNED, script=fail).execute() is FAILURE
    assert [each.category for each in client.uploaded] == ["debusine:work-request-debug-logs"]


def test_what_the_server_is_told(tmp_path: Path, client: FakeTaskClient) -> None:
    task = make(client, tmp_path, SIGNED, SIGNED_OTHER)
    found = task.dynamic_data
    assert found is not None
    assert found.subject == TEMPLATE
    assert found.parameter_summary == f"{TEMPLATE}_1.0-1 (amd64)"
    assert found.environment_id == ENVIRONMENT
    assert found.signed_ids == [SIGNED, SIGNED_OTHER]
    assert found.unsigned_ids == [HELLO, OTHER, ASKED, ASKED_OTHER]
    assert set(found.get_input_artifacts_ids()) == set(range(1, 9))
    required = {"worker:executor:unshare", "worker:build-arch:amd64"}
    assert task.compute_system_required_tags() == required


def test_only_the_automatic_backend_is_accepted() -> None:
    data = {"template": 1, "signed": [2], "environment": 3, "backend": "incus-lxc"}
    with pytest.raises(TaskConfigError, match="the only accepted value is 'auto'"):
        AssembleSignedSource(data)
