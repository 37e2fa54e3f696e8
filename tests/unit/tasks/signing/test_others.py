# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from debusine.domain.key_purpose import KeyPurpose
from debusine.domain.result import WorkRequestResults
from debusine.domain.work_request import TaskTypes
from debusine.tasks import BaseExternalTask, TaskConfigError
from debusine.tasks.signing.debsign import Debsign
from debusine.tasks.signing.generatekey import GenerateKey
from debusine.tasks.signing.noop import SigningNoop
from debusine.testing.key_store import MemoryKeyStore
from debusine.testing.resolver import MemoryResolver
from debusine.testing.signing_client import FakeSigningClient

KEY: dict[str, Any] = {"purpose": "openpgp", "description": "Uploads"}


def test_signing_tasks_are_found_by_type_and_name() -> None:
    found = {
        name: BaseExternalTask.class_from_name(TaskTypes.SIGNING, name).TASK_VERSION
        for name in ("debsign", "generatekey", "noop", "sign", "signrepositoryindex")
    }
    assert set(found.values()) == {1}
    own = {
        name
        for name, task in BaseExternalTask.registry.classes[TaskTypes.SIGNING].items()
        if task.__module__.startswith("debusine.")
    }
    assert own == set(found)
    assert BaseExternalTask.class_from_name(TaskTypes.WORKER, "noop") is not SigningNoop


@pytest.mark.parametrize("result", [each for each in WorkRequestResults if each])
def test_noop_ends_as_asked(on_worker: Any, result: WorkRequestResults) -> None:
    task = SigningNoop({"result": result.value})
    assert on_worker(task, MemoryResolver(task)).execute() is result
    assert task.get_subject() is None


def test_noop_without_result_is_refused() -> None:
    assert SigningNoop({}).data.result is WorkRequestResults.SUCCESS
    with pytest.raises(TaskConfigError, match="ends with a result"):
        SigningNoop({"result": ""})


def test_a_key_becomes_an_asset(
    client: FakeSigningClient, store: MemoryKeyStore, on_worker: Any
) -> None:
    task = GenerateKey(KEY)
    assert on_worker(task, MemoryResolver(task)).execute() is WorkRequestResults.SUCCESS
    [(purpose, fingerprint)] = store.keys
    [asset] = client.assets
    assert asset.model_dump() == {
        "category": "debusine:signing-key",
        "data": {
            "purpose": "openpgp",
            "fingerprint": fingerprint,
            "public_key": store.keys[purpose, fingerprint].public_key,
            "description": "Uploads",
        },
        "workspace": "System",
        "work_request": 7,
    }
    assert [(use.event, use.occasion.work_request_id) for use in store.uses] == [("generate", 7)]
    assert purpose is KeyPurpose.OPENPGP_UPLOAD


def test_what_is_known_of_a_key() -> None:
    task = GenerateKey({**KEY, "storage": "nacl", "scope": "debian", "workspace": "main"})
    assert task.get_subject() is None
    assert task.compute_dynamic_data().parameter_summary == "openpgp key"
    assert GenerateKey(KEY).data.storage == "nacl"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"purpose": "ssh"}, "purpose"),
        ({"storage": "pkcs11-static"}, "storage"),
        ({"description": ""}, "description"),
        ({"description": None}, "description"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_bad_data_for_a_key_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(TaskConfigError, match=message):
        GenerateKey({**KEY, **changes})


def test_tools_are_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    key, tag = "signing:debsign:available", "worker:cap:debsign"
    assert Debsign.analyze_worker() == {"signing:debsign:version": 1, key: False}
    assert tag not in Debsign.get_provided_worker_tags()
    (tmp_path / "debsign").touch(mode=0o755)
    assert Debsign.analyze_worker()[key] is True
    assert Debsign.get_provided_worker_tags() == {
        tag,
        "worker:task:signing:debsign:version:1",
    }
