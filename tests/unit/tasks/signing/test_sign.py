# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest

from debusine.artifacts.kinds.signing_input import SigningInput
from debusine.artifacts.kinds.upload import Upload
from debusine.artifacts.relation import RelationType
from debusine.domain.key_purpose import KeyPurpose
from debusine.domain.result import WorkRequestResults
from debusine.tasks import TaskConfigError
from debusine.tasks.signing.key_store import Occasion
from debusine.tasks.signing.sign import SKIPPED, Sign
from debusine.testing.key_store import KeyUse, MemoryKeyStore, signers_of
from debusine.testing.resolver import MemoryResolver
from debusine.testing.signing_client import FakeSigningClient
from debusine.wire.asset import AssetPermission, AssetPermissionAnswer, AssetPermissionQuery

DATA: dict[str, Any] = {"purpose": "uefi", "unsigned": [1, 2], "key": "AB"}
LOGS = "debusine:work-request-debug-logs"
FILES = {1: {"grub/grubx64.efi": b"boot"}, 2: {"linux/vmlinuz": b"kernel"}}


def make(client: FakeSigningClient, data: dict[str, Any] = DATA) -> tuple[Sign, MemoryResolver]:
    task = Sign(data)
    resolver = MemoryResolver(task)
    for artifact_id, name in [(1, "grub"), (2, "linux")]:
        about = {"binary_package_name": name, "trusted_certs": ["c1"]}
        resolver.add_artifact(artifact_id, SigningInput.category, about)
        client.add(artifact_id, SigningInput.category, about, FILES[artifact_id])
    return task, resolver


@pytest.fixture
def trusting(store: MemoryKeyStore) -> MemoryKeyStore:
    store.trusted = frozenset({"c1", "c2"})
    store.add(KeyPurpose.UEFI, "AB")
    return store


def test_what_the_server_finds_out(client: FakeSigningClient) -> None:
    task, resolver = make(client)
    resolver.resolve_inputs(task)
    assert task.compute_dynamic_data().model_dump(exclude_unset=True) == {
        "subject": None,
        "parameter_summary": "uefi key, grub, linux",
        "unsigned_ids": [1, 2],
        "unsigned_binary_package_names": ["grub", "linux"],
    }
    one, resolver = make(client, {**DATA, "unsigned": [1]})
    resolver.resolve_inputs(one)
    assert one.get_subject() == "grub"
    assert one.compute_dynamic_data().get_input_artifacts_ids() == [1]


def test_other_artifacts_are_refused(client: FakeSigningClient) -> None:
    _, resolver = make(client)
    fields = {"Architecture": "all", "Files": [{"name": "a.deb"}]}
    resolver.add_artifact(3, Upload.category, {"type": "dpkg", "changes_fields": fields})
    task = Sign({**DATA, "unsigned": [3]})
    with pytest.raises(TaskConfigError, match="debusine:signing-input"):
        resolver.for_task(task).resolve_inputs(task)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"purpose": "openpgp-repository"}, "sign indexes only"),
        ({"purpose": "ssh"}, "purpose"),
        ({"unsigned": "1@artifacts"}, "list or a dictionary"),
        ({"key": None}, "key"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_bad_data_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(TaskConfigError, match=message):
        Sign({**DATA, **changes})


def test_every_file_is_signed(
    client: FakeSigningClient, trusting: MemoryKeyStore, on_worker: Any
) -> None:
    client.answer = AssetPermissionAnswer(
        has_permission=True, username="jo", user_id=3, resource={"package": "grub"}
    )
    task = on_worker(*make(client))
    assert task.execute() is WorkRequestResults.SUCCESS
    query = AssetPermissionQuery(artifact_id=1, work_request_id=7, workspace="System")
    assert client.asked[0] == ("uefi:AB", AssetPermission.SIGN_WITH, query)
    occasion = Occasion(work_request_id=7, username="jo", user_id=3, resource={"package": "grub"})
    use = KeyUse(event="sign", purpose=KeyPurpose.UEFI, fingerprint="AB", occasion=occasion)
    assert trusting.uses == [use, use]
    first, second = client.uploaded
    assert (first.category, first.work_request, first.data) == (
        "debusine:signing-output",
        7,
        {
            "purpose": "uefi",
            "fingerprint": "AB",
            "results": [{"file": "grub/grubx64.efi", "output_file": "grub/grubx64.efi.sig"}],
            "binary_package_name": "grub",
        },
    )
    # detached: the file itself is not in it
    assert signers_of(first.files["grub/grubx64.efi.sig"]) == ["AB"]
    assert b"boot" not in first.files["grub/grubx64.efi.sig"]
    assert client.relations == [
        (first.id, 1, RelationType.RELATES_TO),
        (second.id, 2, RelationType.RELATES_TO),
    ]


def test_with_openpgp_the_text_is_in_the_signature(
    client: FakeSigningClient, trusting: MemoryKeyStore, on_worker: Any
) -> None:
    trusting.add(KeyPurpose.OPENPGP_UPLOAD, "AB")
    task = on_worker(*make(client, {**DATA, "purpose": "openpgp", "unsigned": [1]}))
    assert task.execute() is WorkRequestResults.SUCCESS
    assert b"boot" in client.uploaded[0].files["grub/grubx64.efi.sig"]


def test_kernel_modules_are_skipped(
    client: FakeSigningClient, trusting: MemoryKeyStore, on_worker: Any
) -> None:
    task, resolver = make(client, {**DATA, "unsigned": [1]})
    client.add(1, SigningInput.category, {}, {"a.efi": b"", "b.ko": b""})
    assert on_worker(task, resolver).execute() is WorkRequestResults.SUCCESS
    assert client.uploaded[0].data["results"] == [
        {"file": "a.efi", "output_file": "a.efi.sig"},
        {"file": "b.ko", "error_message": SKIPPED},
    ]
    del trusting


def test_nothing_but_skipped_is_a_failure(
    client: FakeSigningClient, trusting: MemoryKeyStore, on_worker: Any
) -> None:
    task, resolver = make(client, {**DATA, "unsigned": [1]})
    client.add(1, SigningInput.category, {}, {"b.ko": b""})
    assert on_worker(task, resolver).execute() is WorkRequestResults.FAILURE
    assert client.uploaded[0].files == {}
    del trusting


def test_a_file_that_cannot_be_signed_is_named(
    client: FakeSigningClient, trusting: MemoryKeyStore, on_worker: Any
) -> None:
    trusting.refuses = frozenset({"vmlinuz"})
    assert on_worker(*make(client)).execute() is WorkRequestResults.FAILURE
    first, second, logs = client.uploaded
    assert first.data["results"][0]["output_file"] == "grub/grubx64.efi.sig"
    assert second.data["results"] == [
        {"file": "linux/vmlinuz", "error_message": "cannot sign vmlinuz"}
    ]
    assert b"linux/vmlinuz: cannot sign vmlinuz" in logs.files["sign.log"]


def denied(client: FakeSigningClient, store: MemoryKeyStore) -> str:
    del store
    client.answer = AssetPermissionAnswer(has_permission=False, username="jo")
    return "jo may not sign artifact 1 with uefi:AB in System"


def without_key(client: FakeSigningClient, store: MemoryKeyStore) -> str:
    del client
    store.keys.clear()
    return "this signing service has no key uefi:AB"


def without_trust(client: FakeSigningClient, store: MemoryKeyStore) -> str:
    del client
    store.trusted = frozenset({"c2"})
    return "artifact 1 trusts certificates that this signing service does not: c1"


@pytest.mark.parametrize("break_it", [denied, without_key, without_trust])
def test_without_leave_nothing_is_signed(
    client: FakeSigningClient, trusting: MemoryKeyStore, on_worker: Any, break_it: Any
) -> None:
    message = break_it(client, trusting)
    assert on_worker(*make(client)).execute() is WorkRequestResults.FAILURE
    [logs] = client.uploaded
    assert logs.category == LOGS
    assert message.encode() in logs.files["fetch_input.log"]
    assert trusting.uses == []


def test_only_uefi_needs_a_tool() -> None:
    uefi, openpgp = Sign(DATA), Sign({**DATA, "purpose": "openpgp"})
    assert uefi.compute_system_required_tags() == {"worker:cap:sbsign"}
    assert openpgp.compute_system_required_tags() == set()
    metadata = {"system:worker_type": "signing", "signing:sign:version": 1}
    assert openpgp.can_run_on(metadata)
    assert not uefi.can_run_on(metadata)
    assert uefi.can_run_on({**metadata, "signing:sign:available:uefi": True})
    assert not openpgp.can_run_on({**metadata, "system:worker_type": "external"})
    assert not openpgp.can_run_on({**metadata, "signing:sign:version": 2})
