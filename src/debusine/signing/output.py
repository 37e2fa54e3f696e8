# SPDX-License-Identifier: GPL-3.0-or-later
"""What the administrator of a signing service gets to see."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import click

from debusine.errors import NotFoundError
from debusine.signing.records import AuditEntry, StoredKey

FORMATS = ("text", "json")


def show_keys(keys: Sequence[StoredKey], *, shape: str, public: str | None) -> None:
    """
    Print keys, or the public half of one.

    :param shape: one of :data:`FORMATS`
    :param public: fingerprint of the one
    :raises NotFoundError: if there is no such key
    """
    if public is not None:
        found = [key for key in keys if key.fingerprint == public.upper()]
        if not found:
            raise NotFoundError(f"there is no key {public} here")
        click.echo(found[0].public_key, nl=False)
        return
    records = [
        {
            "purpose": key.purpose.value,
            "fingerprint": key.fingerprint,
            "description": key.description,
            "storage": key.private_key.get("storage"),
            "created_at": key.created_at.isoformat(timespec="seconds"),
        }
        for key in keys
    ]
    _show(records, shape=shape, columns=("purpose", "fingerprint", "created_at", "description"))


def show_entries(entries: Iterable[AuditEntry], *, shape: str) -> None:
    """
    Print entries of the audit log.

    :param shape: one of :data:`FORMATS`
    """
    records = [
        {
            "number": entry.number,
            "created_at": entry.created_at.isoformat(timespec="seconds"),
            "event": entry.event.value,
            "purpose": entry.purpose.value,
            "fingerprint": entry.fingerprint,
            "work_request": entry.work_request_id,
            "data": dict(entry.data),
        }
        for entry in entries
    ]
    columns = ("number", "created_at", "event", "purpose", "fingerprint", "work_request", "data")
    _show(records, shape=shape, columns=columns)


def _show(records: list[dict[str, Any]], *, shape: str, columns: Sequence[str]) -> None:
    if shape == "json":
        click.echo(json.dumps(records, indent=2))
        return
    for record in records:
        click.echo("  ".join(_cell(record[column]) for column in columns))


def _cell(value: object) -> str:
    if isinstance(value, dict):
        return json.dumps(value, sort_keys=True)
    return "-" if value is None else str(value)
