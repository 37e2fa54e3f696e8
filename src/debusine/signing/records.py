# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows of the signing service: keys, and who used them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from debusine.domain.key_purpose import KeyPurpose
from debusine.signing.database import Database, Row, Transaction

_KEY_COLUMNS = "purpose, fingerprint, description, private_key, public_key, created_at"
_AUDIT_COLUMNS = "id, event, purpose, fingerprint, work_request_id, data, created_at"
_ALL_KEYS = f"SELECT {_KEY_COLUMNS} FROM signing_key"  # noqa: S608  constants
_FIND_KEY = f"{_ALL_KEYS} WHERE purpose = :purpose AND fingerprint = :fingerprint"
_LIST_KEYS = f"{_ALL_KEYS} ORDER BY purpose, created_at, fingerprint"
_ADD_KEY = (
    f"INSERT INTO signing_key ({_KEY_COLUMNS}, updated_at) VALUES "  # noqa: S608  constants
    "(:purpose, :fingerprint, :description, :private_key, :public_key, :created_at, :created_at)"
)
_ADD_ENTRY = (
    "INSERT INTO audit_log (event, purpose, fingerprint, work_request_id, data, created_at) "
    "VALUES (:event, :purpose, :fingerprint, :work_request_id, :data, :created_at)"
)
_LIST_ENTRIES = (
    f"SELECT {_AUDIT_COLUMNS} FROM audit_log "  # noqa: S608  constants
    "WHERE (:fingerprint = '' OR fingerprint = :fingerprint) "
    "AND (:work_request_id = 0 OR work_request_id = :work_request_id) "
    "ORDER BY id DESC LIMIT :at_most"
)


class AuditEvent(StrEnum):
    """What is done with a key."""

    GENERATE = "generate"
    REGISTER = "register"
    SIGN = "sign"


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredKey:
    """
    A key as it is kept.

    :param private_key: how to come by the private half, sealed: ``storage`` and what follows
    """

    purpose: KeyPurpose
    fingerprint: str
    description: str | None
    private_key: Mapping[str, str]
    public_key: bytes
    created_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class AuditEntry:
    """
    One use of a key; it is written before the key is touched.

    :param data: for ``sign``: ``files`` (SHA-256 by name), ``username``, ``user_id``,
        ``resource``; for ``generate``: ``description``
    :param number: place in the log; 0 before it is written
    """

    event: AuditEvent
    purpose: KeyPurpose
    fingerprint: str
    work_request_id: int | None
    data: Mapping[str, Any] = field(default_factory=dict)
    created_at: datetime
    number: int = 0


class Records:
    """Keys and audit log of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add_key(self, key: StoredKey, entry: AuditEntry) -> None:
        """
        Store a new key together with the entry that tells of it.

        :raises UpstreamError: if the database cannot be used
        """
        with self._database.transaction() as transaction:
            _write(transaction, [entry])
            transaction.execute(
                _ADD_KEY,
                {
                    "purpose": key.purpose.value,
                    "fingerprint": key.fingerprint,
                    "description": key.description,
                    "private_key": json.dumps(dict(key.private_key)),
                    "public_key": key.public_key,
                    "created_at": key.created_at.isoformat(),
                },
            )

    def find_key(self, purpose: KeyPurpose, fingerprint: str) -> StoredKey | None:
        """
        Find a key.

        :raises UpstreamError: if the database cannot be used
        """
        values = {"purpose": purpose.value, "fingerprint": fingerprint}
        with self._database.transaction() as transaction:
            rows = transaction.execute(_FIND_KEY, values)
        return _key(rows[0]) if rows else None

    def list_keys(self) -> list[StoredKey]:
        """
        Every key, by purpose, oldest first.

        :raises UpstreamError: if the database cannot be used
        """
        with self._database.transaction() as transaction:
            return [_key(row) for row in transaction.execute(_LIST_KEYS)]

    def note(self, entries: Iterable[AuditEntry]) -> None:
        """
        Write entries into the audit log; they are there for good when this returns.

        :raises UpstreamError: if the database cannot be used
        """
        with self._database.transaction() as transaction:
            _write(transaction, entries)

    def audit(
        self,
        *,
        fingerprint: str | None = None,
        work_request_id: int | None = None,
        at_most: int = 100,
    ) -> list[AuditEntry]:
        """
        Read the audit log, newest entry first.

        :raises UpstreamError: if the database cannot be used
        """
        values = {
            "fingerprint": fingerprint or "",
            "work_request_id": work_request_id or 0,
            "at_most": at_most,
        }
        with self._database.transaction() as transaction:
            return [_entry(row) for row in transaction.execute(_LIST_ENTRIES, values)]


def _write(transaction: Transaction, entries: Iterable[AuditEntry]) -> None:
    for entry in entries:
        transaction.execute(
            _ADD_ENTRY,
            {
                "event": entry.event.value,
                "purpose": entry.purpose.value,
                "fingerprint": entry.fingerprint,
                "work_request_id": entry.work_request_id,
                "data": json.dumps(dict(entry.data), sort_keys=True),
                "created_at": entry.created_at.isoformat(),
            },
        )


def _key(row: Row) -> StoredKey:
    purpose, fingerprint, description, private_key, public_key, created_at = row
    return StoredKey(
        purpose=KeyPurpose(purpose),
        fingerprint=fingerprint,
        description=description,
        private_key=json.loads(private_key),
        public_key=bytes(public_key),
        created_at=datetime.fromisoformat(created_at),
    )


def _entry(row: Row) -> AuditEntry:
    number, event, purpose, fingerprint, work_request_id, data, created_at = row
    return AuditEntry(
        number=number,
        event=AuditEvent(event),
        purpose=KeyPurpose(purpose),
        fingerprint=fingerprint,
        work_request_id=work_request_id,
        data=json.loads(data),
        created_at=datetime.fromisoformat(created_at),
    )
