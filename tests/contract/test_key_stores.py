# SPDX-License-Identifier: GPL-3.0-or-later
"""What every key store does: the one in memory, and the one that really signs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from debusine.artifacts.deb822 import read_changes
from debusine.domain.key_purpose import KeyPurpose
from debusine.errors import UserError
from debusine.signing.keystores.software import SoftwareKeyStore
from debusine.tasks.signing.key_store import (
    MODES,
    KeyStore,
    NoSuchKeyError,
    Occasion,
    SigningError,
    SigningMode,
)
from debusine.testing.key_store import MemoryKeyStore, signers_of
from debusine.testing.packages import write_changes, write_deb
from debusine.testing.software_keys import make_software_store, openpgp_signers
from debusine.util.command import CommandError

OCCASION = Occasion(work_request_id=1)
UPLOAD = KeyPurpose.OPENPGP_UPLOAD
REPOSITORY = KeyPurpose.OPENPGP_REPOSITORY
OPENPGP = [
    (purpose, mode)
    for purpose in (UPLOAD, REPOSITORY)
    for mode in (SigningMode.CLEAR, SigningMode.DETACHED)
]
Verify = Callable[[Path, Path | None], list[str]]


@dataclass(frozen=True, kw_only=True)
class Kind:
    store: KeyStore
    verify: Verify


def memory_signers(signed: Path, source: Path | None) -> list[str]:
    del source
    return sorted(signers_of(signed.read_bytes()))


@pytest.fixture
def software(tmp_path: Path) -> SoftwareKeyStore:
    return make_software_store(tmp_path / "signing")


@pytest.fixture(params=["memory", pytest.param("software", marks=pytest.mark.real)])
def kind(request: pytest.FixtureRequest) -> Kind:
    if request.param == "memory":
        return Kind(store=MemoryKeyStore(), verify=memory_signers)
    store = request.getfixturevalue("software")
    return Kind(store=store, verify=partial(openpgp_signers, store))


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "Release"
    path.write_text("Origin: test\n")
    return path


def test_a_key_has_one_purpose(kind: Kind) -> None:
    key = kind.store.generate(UPLOAD, "Uploads", occasion=OCCASION)
    other = kind.store.generate(UPLOAD, "Uploads again", occasion=OCCASION)
    assert (key.purpose, key.description) == (UPLOAD, "Uploads")
    assert key.fingerprint == key.fingerprint.upper() != other.fingerprint
    assert key.public_key_bytes != other.public_key_bytes
    assert kind.store.has_key(UPLOAD, key.fingerprint)
    assert not kind.store.has_key(REPOSITORY, key.fingerprint)
    assert not kind.store.has_key(UPLOAD, "0" * 40)


@pytest.mark.parametrize(("purpose", "mode"), OPENPGP)
def test_several_keys_sign_one_file(
    kind: Kind, text: Path, purpose: KeyPurpose, mode: SigningMode
) -> None:
    made = [kind.store.generate(purpose, f"Key {n}", occasion=OCCASION) for n in range(2)]
    keys = [key.fingerprint for key in made]
    target = text.with_name("signed")
    kind.store.sign(purpose, keys, mode, source=text, target=target, occasion=OCCASION)
    assert kind.verify(target, text if mode is SigningMode.DETACHED else None) == sorted(keys)
    assert (b"Origin: test" in target.read_bytes()) is (mode is SigningMode.CLEAR)
    assert text.read_text() == "Origin: test\n"


@pytest.mark.parametrize("purpose", [UPLOAD, REPOSITORY])
def test_other_modes_are_refused(kind: Kind, text: Path, purpose: KeyPurpose) -> None:
    key = kind.store.generate(purpose, "Key", occasion=OCCASION).fingerprint
    target = text.with_name("signed")
    with pytest.raises(UserError, match="make no attached signatures"):
        kind.store.sign(
            purpose, [key], SigningMode.ATTACHED, source=text, target=target, occasion=OCCASION
        )
    assert not target.exists()


def test_a_key_that_is_not_there_signs_nothing(kind: Kind, text: Path) -> None:
    key = kind.store.generate(UPLOAD, "Key", occasion=OCCASION).fingerprint
    target = text.with_name("signed")
    for purpose, keys in [(REPOSITORY, [key]), (UPLOAD, [key, "0" * 40])]:
        with pytest.raises(NoSuchKeyError):
            kind.store.sign(
                purpose, keys, SigningMode.CLEAR, source=text, target=target, occasion=OCCASION
            )
    with pytest.raises(NoSuchKeyError):
        kind.store.debsign("0" * 40, text, occasion=OCCASION)
    assert not target.exists()


def test_an_upload_is_signed_in_place(kind: Kind, tmp_path: Path) -> None:
    key = kind.store.generate(UPLOAD, "Key", occasion=OCCASION).fingerprint
    deb = write_deb(tmp_path)
    changes = write_changes(tmp_path, [deb], architecture="amd64")
    before = read_changes(changes)
    for _ in range(2):
        kind.store.debsign(key, changes, occasion=OCCASION)
    after = read_changes(changes)
    after.check_files()
    assert after.fields == before.fields
    assert kind.verify(changes, None) == [key]


def test_matrix_of_purposes_and_modes() -> None:
    assert {purpose.value: sorted(modes) for purpose, modes in MODES.items()} == {
        "uefi": ["attached", "detached"],
        "openpgp": ["clear", "debsign", "detached"],
        "openpgp-repository": ["clear", "detached"],
    }


@pytest.mark.real
def test_what_was_changed_does_not_verify(software: SoftwareKeyStore, text: Path) -> None:
    key = software.generate(REPOSITORY, "Key", occasion=OCCASION).fingerprint
    signed = text.with_name("Release.gpg")
    mode = SigningMode.DETACHED
    software.sign(REPOSITORY, [key], mode, source=text, target=signed, occasion=OCCASION)
    text.write_text("Origin: another\n")
    with pytest.raises(CommandError):
        openpgp_signers(software, signed, text)
    with pytest.raises(SigningError, match="cannot sign missing"):
        software.sign(
            REPOSITORY, [key], mode, source=text.with_name("missing"), target=signed,
            occasion=OCCASION,
        )  # fmt: skip
