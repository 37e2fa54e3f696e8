# SPDX-License-Identifier: GPL-3.0-or-later
"""
Copy all rows of an instance from one database to another, and compare them.

Everything happens in one transaction of the target: an error, or a kill, leaves it as it was.
Numbers that were given once are not given again there, although their rows may be gone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import zip_longest

from django.db import DatabaseError, connections, transaction
from django.db.migrations.recorder import MigrationRecorder

from debusine.db.models import Artifact, User, WorkRequest
from debusine.db.tables import Row, Table, all_tables
from debusine.errors import BugError, ConflictError, UserError
from debusine.util.batched import batched

BATCH = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class CopiedTable:
    """
    A table that is the same in both databases.

    :param digest: SHA-256 of its rows, in order of their keys
    """

    name: str
    rows: int
    digest: str


def copy_database(
    source: str, target: str, *, progress: Callable[[int], None] = lambda _rows: None
) -> list[CopiedTable]:
    """
    Copy everything.

    Others may write to the source meanwhile: what is copied is how it was at one moment.

    :param source: alias of the database to read
    :param target: alias of one with the same migrations, in which there is nothing yet
    :param progress: told of rows that were written or compared: twice the number of all
    :raises ConflictError: if the databases are not fit for it
    :raises UserError: if the target cannot hold a row, such as one with a NUL character
    """
    _require_same_migrations(source, target)
    require_unused(target)
    tables = all_tables()
    with transaction.atomic(using=source), transaction.atomic(using=target):
        _read_one_moment(source)
        # what came with the migrations has other keys
        for table in tables:
            table.clear(target)
        for table in tables:
            for rows in batched(table.rows(source), BATCH):
                _write(table, rows, target)
                progress(len(rows))
            table.count_on_from(table.last_number(source), target)
        connections[target].check_constraints()
        return [_compare(table, source, target, progress) for table in tables]


def _require_same_migrations(source: str, target: str) -> None:
    known, there = (
        set(MigrationRecorder(connections[alias]).applied_migrations())
        for alias in (source, target)
    )
    if known != there:
        raise ConflictError(
            "the two databases are not of the same version",
            details=f"only one has: {', '.join(sorted(name for _, name in known ^ there))}",
        )


def _read_one_moment(source: str) -> None:
    """Have all that follows in a transaction see the same rows; SQLite does that anyway."""
    connection = connections[source]
    if connection.vendor == "postgresql" and not connection.savepoint_ids:
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")


def require_unused(alias: str) -> None:
    """
    Make sure that nobody would miss what a database holds.

    :raises ConflictError: if somebody might
    """
    for model in (User, WorkRequest, Artifact):
        if model.objects.using(alias).exists():
            raise ConflictError(
                f"there is a {model.__name__} in the target",
                resolution="Name a database in which there is nothing yet.",
            )


def _write(table: Table, rows: list[Row], target: str) -> None:
    try:
        with transaction.atomic(using=target):
            table.insert(rows, target)
    except (DatabaseError, ValueError) as error:
        if len(rows) > 1:
            for row in rows:
                _write(table, [row], target)
            return
        raise UserError(
            f"a row of table {table.name} cannot be copied",
            details=f"{table.columns[0]} {rows[0][0]}: {str(error).strip()}",
            resolution="Correct it in the source; nothing was changed in the target.",
        ) from error


def _compare(
    table: Table, source: str, target: str, progress: Callable[[int], None]
) -> CopiedTable:
    """
    Read a table from both sides, row by row.

    :raises BugError: if they differ
    """
    digest = hashlib.sha256()
    count = 0
    for there, here in zip_longest(table.rows(source), table.rows(target), fillvalue=()):
        expected, found = canonical(there), canonical(here)
        if expected != found:
            raise BugError(
                f"table {table.name} is not the same after the copy",
                details=f"source: {expected:.500}\ntarget: {found:.500}",
            )
        digest.update(expected.encode(errors="surrogatepass"))
        count += 1
        if count % BATCH == 0:
            progress(BATCH)
    progress(count % BATCH)
    return CopiedTable(name=table.name, rows=count, digest=digest.hexdigest())


def canonical(row: Row) -> str:
    """
    Write a row in the one way that all databases agree on.

    >>> canonical((1, b"a", {"b": 1, "a": None}))
    '[1,"61",{"a":null,"b":1}]'
    """
    return json.dumps(row, default=_plain, sort_keys=True, separators=(",", ":"))


def _plain(value: object) -> object:
    match value:
        case datetime():
            return value.astimezone(UTC).isoformat()
        case timedelta():
            return value // timedelta(microseconds=1)
        case bytes() | memoryview():
            return bytes(value).hex()
        case _:
            raise BugError(f"a column holds a {type(value).__name__}")
