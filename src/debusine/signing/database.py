# SPDX-License-Identifier: GPL-3.0-or-later
"""
The signing service's own database: SQLite, or PostgreSQL by a setting.

Two tables and six statements do not need Django, which the machine that holds keys can
then do without. A connection lasts for one transaction, as processes of tasks are short.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Any, Protocol

from debusine.errors import ConflictError, NotPossibleError, UpstreamError
from debusine.signing.schema import schema_steps

Row = tuple[Any, ...]

_BUSY_S = 30.0
_CONNECT_S = 10
_NAMED = re.compile(r"(?<!:):([a-z_]+)")
_VERSIONS = "CREATE TABLE IF NOT EXISTS schema_version (version INTEGER PRIMARY KEY)"


class Transaction(Protocol):
    """What happens wholly or not at all."""

    def execute(self, statement: str, values: Mapping[str, object] | None = None) -> list[Row]:
        """
        Run one statement.

        :param statement: with ``:name`` where values go
        :returns: the rows it yields, may be empty
        """
        ...

    def run_script(self, script: str) -> None:
        """Run several statements without values."""
        ...


class Database(Protocol):
    """Where keys and the audit log are."""

    @property
    def kind(self) -> str:
        """Which files of :mod:`debusine.signing.schema` make its tables."""
        ...

    def transaction(self) -> AbstractContextManager[Transaction]:
        """
        Begin a transaction; it is durable once the block is left without exception.

        :raises UpstreamError: if the database cannot be used
        """
        ...

    def lock_schema(self, transaction: Transaction) -> None:
        """Let nobody else change tables until the transaction ends."""
        ...


def load_driver() -> Any:
    """
    Import what connects to PostgreSQL.

    Early, where we may become a user who cannot read our Python's library.

    :raises NotPossibleError: if it is not installed
    """
    try:
        import psycopg  # noqa: PLC0415  an extra, and this is its one adapter
    except ImportError as error:
        raise NotPossibleError(
            "a database-url needs psycopg, which is not installed",
            resolution="Install Debusine with its extra postgres.",
        ) from error
    return psycopg


def open_database(url: str | None, *, path: Path) -> Database:
    """
    Open the database and bring its tables up to date.

    :param url: ``postgresql://``; None for SQLite
    :param path: of the SQLite file
    :raises UpstreamError: if it cannot be used
    :raises ConflictError: if a newer program has changed it
    """
    database: Database = _Sqlite(path) if url is None else _PostgreSQL(url)
    steps = schema_steps(database.kind)
    with database.transaction() as transaction:
        database.lock_schema(transaction)
        transaction.execute(_VERSIONS)
        done = {version for (version,) in transaction.execute("SELECT version FROM schema_version")}
        if done - {version for version, _ in steps}:
            raise ConflictError(
                "the database of the signing service belongs to a newer version of Debusine",
                resolution="Use that version.",
            )
        for version, script in steps:
            if version not in done:
                transaction.run_script(script)
                transaction.execute(
                    "INSERT INTO schema_version VALUES (:version)", {"version": version}
                )
    return database


class _SqliteTransaction:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def execute(self, statement: str, values: Mapping[str, object] | None = None) -> list[Row]:
        return self._connection.execute(statement, dict(values or {})).fetchall()

    def run_script(self, script: str) -> None:
        # executescript would commit first
        statement = ""
        for line in script.splitlines():
            statement += line + "\n"
            if sqlite3.complete_statement(statement):
                self._connection.execute(statement)
                statement = ""


class _Sqlite:
    """
    One file.

    :param path: of it; made when it is needed
    """

    kind = "sqlite"

    def __init__(self, path: Path) -> None:
        self._path = path

    @contextmanager
    def transaction(self) -> Iterator[_SqliteTransaction]:
        """
        Begin a transaction; one at a time writes or reads.

        :raises UpstreamError: if the file cannot be used
        """
        try:
            with closing(
                sqlite3.connect(self._path, timeout=_BUSY_S, isolation_level=None)
            ) as connection:
                # what was signed must be known after a power cut, too
                connection.execute("PRAGMA synchronous = FULL")
                connection.execute("BEGIN IMMEDIATE")
                with connection:
                    yield _SqliteTransaction(connection)
        except sqlite3.Error as error:
            raise UpstreamError(
                f"cannot use the database of the signing service in {self._path}",
                details=str(error),
            ) from error

    def lock_schema(self, transaction: Transaction) -> None:
        """Nothing: there is one writer at a time."""


class _PostgreSQLTransaction:
    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor

    def execute(self, statement: str, values: Mapping[str, object] | None = None) -> list[Row]:
        self._cursor.execute(_NAMED.sub(r"%(\1)s", statement), dict(values or {}))
        return [] if self._cursor.description is None else list(self._cursor.fetchall())

    def run_script(self, script: str) -> None:
        self._cursor.execute(script)


class _PostgreSQL:
    """
    A database on a server.

    :param url: may hold a password
    """

    kind = "postgresql"

    def __init__(self, url: str) -> None:
        self._driver = load_driver()
        self._url = url

    @contextmanager
    def transaction(self) -> Iterator[_PostgreSQLTransaction]:
        """
        Begin a transaction on a connection of its own.

        :raises UpstreamError: if the server cannot be reached, or refuses
        """
        try:
            with self._driver.connect(self._url, connect_timeout=_CONNECT_S) as connection:
                yield _PostgreSQLTransaction(connection.cursor())
        except self._driver.Error as error:
            raise UpstreamError(
                "cannot use the database of the signing service", details=str(error).strip()
            ) from error

    def lock_schema(self, transaction: Transaction) -> None:
        transaction.execute("SELECT pg_advisory_xact_lock(hashtext('debusine-signing'))")
