# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest

from debusine.artifacts.kinds.repository_index import RepositoryIndex
from debusine.artifacts.relation import RelationType
from debusine.domain.category import CollectionCategory
from debusine.domain.key_purpose import KeyPurpose
from debusine.domain.result import WorkRequestResults
from debusine.tasks import TaskConfigError
from debusine.tasks.signing.signrepositoryindex import SignRepositoryIndex
from debusine.testing.key_store import MemoryKeyStore, signers_of
from debusine.testing.resolver import MemoryResolver
from debusine.testing.signing_client import FakeSigningClient
from debusine.wire.asset import AssetPermission, AssetPermissionAnswer

SUITE = "trixie@debian:suite"
DATA: dict[str, Any] = {
    "suite_collection": SUITE,
    "unsigned": 1,
    "mode": "detached",
    "signed_name": "Release.gpg",
}


def make(
    client: FakeSigningClient,
    *,
    suite: dict[str, Any] | None = None,
    archive: dict[str, Any] | None = None,
    **changes: Any,
) -> tuple[SignRepositoryIndex, MemoryResolver]:
    task = SignRepositoryIndex({**DATA, **changes})
    resolver = MemoryResolver(task)
    about = {"path": "dists/trixie/Release"}
    resolver.add_artifact(1, RepositoryIndex.category, about)
    client.add(1, RepositoryIndex.category, about, {"Release": b"Origin: test\n"})
    own = {"signing_keys": ["AB", "CD"]} if suite is None else suite
    resolver.add_collection(5, CollectionCategory("debian:suite"), "trixie", data=own)
    if archive is not None:
        resolver.add_collection(6, CollectionCategory("debian:archive"), "_", data=archive)
    return task, resolver


@pytest.fixture
def keys(store: MemoryKeyStore) -> MemoryKeyStore:
    for fingerprint in ("AB", "CD"):
        store.add(KeyPurpose.OPENPGP_REPOSITORY, fingerprint)
    return store


@pytest.mark.parametrize(
    ("suite", "archive", "expected"),
    [
        ({"signing_keys": ["AB"]}, {"signing_keys": ["CD"]}, ["AB"]),
        ({"signing_keys": []}, {"signing_keys": ["CD"]}, []),
        ({"signing_keys": None}, {"signing_keys": ["CD"]}, ["CD"]),
        ({}, {"signing_keys": ["CD"]}, ["CD"]),
        ({}, {}, []),
        ({}, None, []),
    ],
)
def test_keys_are_those_of_the_suite_or_else_of_the_archive(
    client: FakeSigningClient, suite: Any, archive: Any, expected: list[str]
) -> None:
    task, resolver = make(client, suite=suite, archive=archive)
    resolver.resolve_inputs(task)
    assert task.compute_dynamic_data().model_dump(exclude_unset=True) == {
        "subject": "trixie",
        "parameter_summary": "Release.gpg of trixie",
        "suite_collection_id": 5,
        "unsigned_id": 1,
        "signing_keys": expected,
    }
    assert task.compute_dynamic_data().get_input_artifacts_ids() == [1]


def test_keys_are_a_list(client: FakeSigningClient) -> None:
    task, resolver = make(client, suite={"signing_keys": "AB"})
    resolver.resolve_inputs(task)
    with pytest.raises(TaskConfigError, match="no list of fingerprints"):
        task.compute_dynamic_data()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mode": "attached"}, "mode"),
        ({"mode": "debsign"}, "mode"),
        ({"signed_name": "a/b"}, "without '/'"),
        ({"signed_name": ".."}, "without '/'"),
        ({"signed_name": ""}, "without '/'"),
        ({"unsigned": [1]}, "unsigned"),
        ({"suite_collection": None}, "suite_collection"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_bad_data_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(TaskConfigError, match=message):
        SignRepositoryIndex({**DATA, **changes})


@pytest.mark.parametrize(("mode", "name"), [("detached", "Release.gpg"), ("clear", "InRelease")])
def test_all_keys_sign_into_one_file(
    client: FakeSigningClient, keys: MemoryKeyStore, on_worker: Any, mode: str, name: str
) -> None:
    task = on_worker(*make(client, mode=mode, signed_name=name))
    assert task.execute() is WorkRequestResults.SUCCESS
    [signed] = client.uploaded
    assert (signed.category, signed.data) == (
        "debian:repository-index",
        {"path": f"dists/trixie/{name}"},
    )
    assert signers_of(signed.files[name]) == ["AB", "CD"]
    assert (b"Origin: test" in signed.files[name]) is (mode == "clear")
    assert client.relations == [(signed.id, 1, RelationType.EXTENDS)]
    assert [(slug, permission) for slug, permission, _ in client.asked] == [
        ("openpgp-repository:AB", AssetPermission.SIGN_REPOSITORY_WITH),
        ("openpgp-repository:CD", AssetPermission.SIGN_REPOSITORY_WITH),
    ]
    assert len(keys.uses) == 2


def test_without_keys_it_is_a_failure(
    client: FakeSigningClient, keys: MemoryKeyStore, on_worker: Any
) -> None:
    assert on_worker(*make(client, suite={})).execute() is WorkRequestResults.FAILURE
    [logs] = client.uploaded
    assert b"neither the suite nor its archive" in logs.files["fetch_input.log"]
    assert keys.uses == []


def test_without_leave_nothing_is_signed(
    client: FakeSigningClient, keys: MemoryKeyStore, on_worker: Any
) -> None:
    client.answer = AssetPermissionAnswer(has_permission=False)
    assert on_worker(*make(client)).execute() is WorkRequestResults.FAILURE
    assert keys.uses == []
