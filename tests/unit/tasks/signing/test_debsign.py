# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from debusine.artifacts.deb822 import read_changes
from debusine.artifacts.kinds.signing_input import SigningInput
from debusine.artifacts.kinds.upload import Upload
from debusine.artifacts.relation import RelationType
from debusine.domain.key_purpose import KeyPurpose
from debusine.domain.result import WorkRequestResults
from debusine.tasks import TaskConfigError
from debusine.tasks.signing.debsign import Debsign
from debusine.testing.key_store import MemoryKeyStore, signers_of
from debusine.testing.packages import write_changes, write_deb
from debusine.testing.resolver import MemoryResolver
from debusine.testing.signing_client import FakeSigningClient
from debusine.wire.asset import AssetPermission, AssetPermissionAnswer
from debusine.wire.work_request import WorkRequestCreate

CHANGES = "hello_1.0-1_amd64.changes"


@pytest.fixture
def upload(tmp_path: Path) -> Path:
    directory = tmp_path / "upload"
    directory.mkdir()
    return write_changes(directory, [write_deb(directory)], architecture="amd64")


def make(client: FakeSigningClient, upload: Path) -> tuple[Debsign, MemoryResolver]:
    local = Upload.from_changes(upload)
    data = local.data.model_dump(mode="json", exclude_unset=True)
    client.add(1, local.category, data, {p: f.read_bytes() for p, f in local.files.items()})
    created = client.work_request_create(WorkRequestCreate(task_name="debsign"))
    links = {
        "self": "/api/1.0/work-request/7/",
        "webui_self": "/debusine/System/work-request/7/",
        "webui_created_by": "/-/user/3/",
    }
    client.work_requests[7] = created.model_copy(update={"id": 7, "links": links})
    task = Debsign({"unsigned": "1@artifacts", "key": "AB"})
    resolver = MemoryResolver(task)
    resolver.add_artifact(1, local.category, data)
    return task, resolver


def test_what_the_server_finds_out(client: FakeSigningClient, upload: Path) -> None:
    task, resolver = make(client, upload)
    resolver.resolve_inputs(task)
    dynamic = task.compute_dynamic_data()
    assert dynamic.model_dump(exclude_unset=True) == {
        "subject": "hello",
        "parameter_summary": "hello_1.0-1",
        "unsigned_id": 1,
    }
    assert dynamic.get_source_package_name() == "hello"
    assert dynamic.get_input_artifacts_ids() == [1]
    assert task.compute_system_required_tags() == {"worker:cap:debsign"}
    metadata = {"system:worker_type": "signing", "signing:debsign:version": 1}
    assert not task.can_run_on(metadata)
    assert task.can_run_on({**metadata, "signing:debsign:available": True})


def test_only_uploads_are_signed(client: FakeSigningClient, upload: Path) -> None:
    _, resolver = make(client, upload)
    resolver.add_artifact(2, SigningInput.category, {})
    other = Debsign({"unsigned": 2, "key": "AB"})
    with pytest.raises(TaskConfigError, match="debian:upload"):
        resolver.for_task(other).resolve_inputs(other)


def test_an_upload_is_signed_and_says_where_it_comes_from(
    client: FakeSigningClient, store: MemoryKeyStore, upload: Path, on_worker: Any, tmp_path: Path
) -> None:
    store.add(KeyPurpose.OPENPGP_UPLOAD, "AB")
    assert on_worker(*make(client, upload)).execute() is WorkRequestResults.SUCCESS
    [signed] = client.uploaded
    assert (signed.category, signed.work_request) == ("debian:upload", 7)
    assert signers_of(signed.files[CHANGES]) == ["AB"]
    origin = {
        "Debusine-User": "https://debusine.example.org/-/user/3/",
        "Debusine-Work-Request": "https://debusine.example.org/debusine/System/work-request/7/",
    }
    fields = signed.data["changes_fields"]
    assert {name: fields[name] for name in fields if name.startswith("Debusine-")} == origin
    (tmp_path / CHANGES).write_bytes(signed.files[CHANGES])
    assert read_changes(tmp_path / CHANGES).fields == {**read_changes(upload).fields, **origin}
    assert client.relations == [(signed.id, 1, RelationType.RELATES_TO)]
    assert [(slug, permission) for slug, permission, _ in client.asked] == [
        ("openpgp:AB", AssetPermission.SIGN_WITH)
    ]


def test_in_a_workflow_the_workflow_is_named(
    client: FakeSigningClient, store: MemoryKeyStore, upload: Path, on_worker: Any
) -> None:
    store.add(KeyPurpose.OPENPGP_UPLOAD, "AB")
    task = on_worker(*make(client, upload))
    request = client.work_requests[7]
    request.links["webui_workflow_root"] = "/debusine/System/work-request/5/"
    assert task.execute() is WorkRequestResults.SUCCESS
    assert client.uploaded[0].data["changes_fields"]["Debusine-Workflow"] == (
        "https://debusine.example.org/debusine/System/work-request/5/"
    )


def test_what_cannot_be_signed_is_not_uploaded(
    client: FakeSigningClient, store: MemoryKeyStore, upload: Path, on_worker: Any
) -> None:
    store.add(KeyPurpose.OPENPGP_UPLOAD, "AB")
    store.refuses = frozenset({CHANGES})
    assert on_worker(*make(client, upload)).execute() is WorkRequestResults.FAILURE
    [logs] = client.uploaded
    assert b"cannot sign" in logs.files["execution.log"]


def test_without_leave_nothing_is_signed(
    client: FakeSigningClient, store: MemoryKeyStore, upload: Path, on_worker: Any
) -> None:
    store.add(KeyPurpose.OPENPGP_UPLOAD, "AB")
    client.answer = AssetPermissionAnswer(has_permission=False)
    assert on_worker(*make(client, upload)).execute() is WorkRequestResults.FAILURE
    assert store.uses == []
