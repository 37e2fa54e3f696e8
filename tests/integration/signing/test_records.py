# SPDX-License-Identifier: GPL-3.0-or-later
"""The database of the signing service, and what the key store writes into it."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from debusine.domain.key_purpose import KeyPurpose
from debusine.errors import ConflictError, UpstreamError
from debusine.signing.database import open_database
from debusine.signing.keystores.software import SoftwareKeyStore
from debusine.signing.records import AuditEntry, AuditEvent, Records, StoredKey
from debusine.signing.service_key import ServiceKeys
from debusine.tasks.signing.key_store import NoSuchKeyError, Occasion, SigningError, SigningMode
from debusine.testing.clock import FakeClock
from debusine.testing.packages import write_changes, write_deb
from debusine.testing.software_keys import openpgp_signers
from debusine.util.files import sha256_of

UPLOAD = KeyPurpose.OPENPGP_UPLOAD
NOW = datetime(2026, 11, 22, tzinfo=UTC)
OCCASION = Occasion(work_request_id=7, username="alice", user_id=3, resource={"package": "hello"})


def entry(number: int = 1, **fields: object) -> AuditEntry:
    values: dict[str, object] = {
        "event": AuditEvent.SIGN, "purpose": UPLOAD, "fingerprint": f"{number:040X}",
        "work_request_id": number, "created_at": NOW,
    }  # fmt: skip
    return AuditEntry(**{**values, **fields})  # type: ignore[arg-type]  # by their names


def key(sealed: Mapping[str, str]) -> StoredKey:
    return StoredKey(
        purpose=UPLOAD,
        fingerprint=f"{1:040X}",
        description=None,
        private_key=sealed,
        public_key=b"\0public\xff",
        created_at=NOW,
    )


def test_a_key_comes_back_as_it_was_stored(store: SoftwareKeyStore) -> None:
    sealed = store.service_keys.seal(b"secret")
    store.records.add_key(key(sealed), entry(event=AuditEvent.GENERATE))
    [found] = store.records.list_keys()
    assert found == key(sealed) == store.records.find_key(UPLOAD, f"{1:040X}")
    assert store.records.find_key(KeyPurpose.OPENPGP_REPOSITORY, f"{1:040X}") is None
    assert store.service_keys.open(found.private_key) == b"secret"


def test_a_key_that_cannot_be_stored_leaves_no_entry(store: SoftwareKeyStore) -> None:
    sealed = store.service_keys.seal(b"secret")
    store.records.add_key(key(sealed), entry())
    with pytest.raises(UpstreamError):
        store.records.add_key(key(sealed), entry(work_request_id=2))
    assert [one.work_request_id for one in store.records.audit()] == [1]


def test_the_log_is_read_newest_first(store: SoftwareKeyStore) -> None:
    store.records.note([entry(number) for number in (1, 2, 3)])
    assert [one.work_request_id for one in store.records.audit()] == [3, 2, 1]
    assert [one.work_request_id for one in store.records.audit(at_most=2)] == [3, 2]
    assert [one.number for one in store.records.audit(work_request_id=2)] == [2]
    assert [one.number for one in store.records.audit(fingerprint=f"{3:040X}")] == [3]


@pytest.mark.parametrize(
    "statement", ["UPDATE audit_log SET data = '{}'", "DELETE FROM audit_log WHERE id = 1"]
)
def test_the_log_only_grows(
    store: SoftwareKeyStore, database_url: str | None, tmp_path: Path, statement: str
) -> None:
    store.records.note([entry()])
    database = open_database(database_url, path=tmp_path / "signing/keys.sqlite3")
    with (
        pytest.raises(UpstreamError, match="signing service") as caught,
        database.transaction() as transaction,
    ):
        transaction.execute(statement)
    assert "only grows" in (caught.value.details or "")
    assert len(store.records.audit()) == 1


def test_a_database_of_a_newer_program_is_left_alone(
    store: SoftwareKeyStore, database_url: str | None, tmp_path: Path
) -> None:
    path = tmp_path / "signing/keys.sqlite3"
    with open_database(database_url, path=path).transaction() as transaction:
        transaction.execute("INSERT INTO schema_version VALUES (9999)")
    with pytest.raises(ConflictError, match="newer version"):
        open_database(database_url, path=path)


def test_a_database_out_of_reach_says_so(tmp_path: Path) -> None:
    for url in (None, "postgresql://nobody:geheim@127.0.0.1:1/none"):
        with pytest.raises(UpstreamError, match="cannot use the database") as caught:
            open_database(url, path=tmp_path / "missing/keys.sqlite3")
        assert "geheim" not in caught.value.explain()


def test_every_use_is_in_the_log(store: SoftwareKeyStore, clock: FakeClock, tmp_path: Path) -> None:
    made = store.generate(UPLOAD, "Uploads", occasion=Occasion(work_request_id=6))
    text, signed = tmp_path / "text", tmp_path / "signed"
    text.write_text("hello\n")
    store.sign(
        UPLOAD, [made.fingerprint], SigningMode.CLEAR, source=text, target=signed, occasion=OCCASION
    )
    assert openpgp_signers(store, signed, None) == [made.fingerprint]
    used, generated = store.records.audit()
    assert (generated.event, generated.work_request_id) == (AuditEvent.GENERATE, 6)
    assert generated.data == {"description": "Uploads"}
    assert (used.event, used.fingerprint) == (AuditEvent.SIGN, made.fingerprint)
    assert (used.work_request_id, used.created_at) == (7, clock.now())
    assert used.data == {
        "files": {"text": sha256_of(text)},
        "username": "alice",
        "user_id": 3,
        "resource": {"package": "hello"},
    }


def test_the_files_of_an_upload_that_get_a_signature_are_in_the_log(
    store: SoftwareKeyStore, tmp_path: Path
) -> None:
    made = store.generate(UPLOAD, "Uploads", occasion=OCCASION)
    changes = write_changes(tmp_path, [write_deb(tmp_path)], architecture="amd64")
    before = sha256_of(changes)
    store.debsign(made.fingerprint, changes, occasion=OCCASION)
    assert store.records.audit()[0].data["files"] == {changes.name: before}


class _NoNotes(Records):
    """A database that takes no entries any more."""

    def note(self, entries: object) -> None:
        raise UpstreamError("the disk is full")


def test_a_key_is_not_touched_before_the_log_says_so(
    store: SoftwareKeyStore, database_url: str | None, tmp_path: Path
) -> None:
    made = store.generate(UPLOAD, "Uploads", occasion=OCCASION)
    store.records = _NoNotes(open_database(database_url, path=tmp_path / "signing/keys.sqlite3"))
    changes = write_changes(tmp_path, [write_deb(tmp_path)], architecture="amd64")
    before, signed = sha256_of(changes), tmp_path / "signed"
    with pytest.raises(UpstreamError):
        store.sign(
            UPLOAD, [made.fingerprint], SigningMode.CLEAR, source=changes, target=signed,
            occasion=OCCASION,
        )  # fmt: skip
    with pytest.raises(UpstreamError):
        store.debsign(made.fingerprint, changes, occasion=OCCASION)
    assert not signed.exists()
    assert sha256_of(changes) == before


def test_a_use_that_fails_is_in_the_log_too(store: SoftwareKeyStore, tmp_path: Path) -> None:
    made = store.generate(UPLOAD, "Uploads", occasion=OCCASION)
    text = tmp_path / "text"
    text.write_text("hello\n")
    # as after a key of the service was lost
    store.service_keys = ServiceKeys([type(store.service_keys.keys[0]).generate()])
    with pytest.raises(SigningError, match="service key"):
        store.sign(
            UPLOAD, [made.fingerprint], SigningMode.DETACHED, source=text,
            target=tmp_path / "signed", occasion=OCCASION,
        )  # fmt: skip
    assert [one.event for one in store.records.audit()] == [AuditEvent.SIGN, AuditEvent.GENERATE]


def test_a_key_that_is_not_there_leaves_no_entry(store: SoftwareKeyStore, tmp_path: Path) -> None:
    with pytest.raises(NoSuchKeyError):
        store.sign(
            UPLOAD, ["0" * 40], SigningMode.DETACHED, source=tmp_path / "a", target=tmp_path / "b",
            occasion=OCCASION,
        )  # fmt: skip
    assert store.records.audit() == []


def test_private_halves_lie_nowhere_in_the_open(
    store: SoftwareKeyStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # below tmp_path, the names of GnuPG's sockets could get too long
    with tempfile.TemporaryDirectory() as scratch:
        monkeypatch.setenv("TMPDIR", scratch)
        made = store.generate(UPLOAD, "Uploads", occasion=OCCASION)
        assert list(Path(scratch).iterdir()) == []
    found = store.records.find_key(UPLOAD, made.fingerprint)
    assert found is not None
    secret = store.service_keys.open(found.private_key)
    for path in (tmp_path / "signing").iterdir():
        assert secret[:64] not in path.read_bytes()
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0 or path.name == "keys.sqlite3"
    assert os.environ.get("GNUPGHOME") is None
