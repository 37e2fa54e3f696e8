# SPDX-License-Identifier: GPL-3.0-or-later
"""All rows go from one database to another and are the same there, both ways."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import DEFAULT_DB_ALIAS, connection, connections

from debusine.db.address import sqlite_settings
from debusine.db.copying import canonical, copy_database
from debusine.db.models import Collection, CollectionItem, WorkRequest, Workspace
from debusine.db.second import make_tables, second_database
from debusine.db.tables import Table, all_tables
from debusine.domain.work_request import WorkRequestStatus
from debusine.errors import BugError, ConflictError, UserError
from debusine.testing import factories
from debusine.util.clock import SystemClock

NOW = SystemClock().now()
OTHER_NAME = "copied"


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory, django_db_blocker: Any) -> Path:
    """A file with tables, and what comes with them."""
    path = tmp_path_factory.mktemp("empty") / "empty.sqlite3"
    with django_db_blocker.unblock(), second_database("empty", sqlite_settings(path)) as alias:
        make_tables(alias)
    return path


@pytest.fixture
def file(
    transactional_db: None, empty: Path, tmp_path: Path, django_db_blocker: Any
) -> Iterator[str]:
    """A database in a file."""
    path = shutil.copy(empty, tmp_path / "copy.sqlite3")
    with django_db_blocker.unblock(), second_database("file", sqlite_settings(path)) as alias:
        yield alias


@pytest.fixture
def back(
    transactional_db: None, empty: Path, tmp_path: Path, django_db_blocker: Any
) -> Iterator[str]:
    """One of the same kind as that of tests."""
    if connection.vendor == "sqlite":
        path = shutil.copy(empty, tmp_path / "back.sqlite3")
        values = sqlite_settings(path)
    else:
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {OTHER_NAME} TEMPLATE template0")
        values = connections.settings[DEFAULT_DB_ALIAS] | {"NAME": OTHER_NAME}
    with django_db_blocker.unblock(), second_database("back", values) as alias:
        make_tables(alias)
        yield alias
    if connection.vendor != "sqlite":
        with connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE {OTHER_NAME}")


@pytest.fixture
def rows(transactional_db: None) -> WorkRequest:
    """Rows with what databases keep in different ways."""
    workspace = factories.make_workspace()
    workspace.default_expiration_delay = timedelta(days=3, microseconds=5)
    workspace.save()
    first = factories.make_work_request(workspace=workspace, task_data={"b": [1.5, None], "a": "é"})
    second = factories.make_work_request(
        workspace=workspace, status=WorkRequestStatus.BLOCKED, supersedes=first
    )
    second.dependencies.add(first)
    factories.make_running(worker=factories.make_worker().worker)
    collection = Collection.objects.create(
        name="some", category="debusine:test", workspace=workspace
    )
    CollectionItem.objects.create(
        collection=collection, name="x", child_type="bare", created_at=NOW, rank=b"\x00\xff"
    )
    for _ in range(3):
        gone = factories.make_work_request(workspace=workspace)
    gone.delete()
    return gone


def contents(alias: str) -> dict[str, list[str]]:
    return {table.name: list(map(canonical, table.rows(alias))) for table in all_tables()}


def test_everything_is_copied(rows: WorkRequest, file: str) -> None:
    told: list[int] = []
    copied = copy_database(DEFAULT_DB_ALIAS, file, progress=told.append)
    assert contents(file) == contents(DEFAULT_DB_ALIAS)
    assert sum(told) == 2 * sum(table.rows for table in copied)
    assert {table.name: table.rows for table in copied}["db_collectionitem"] == 1
    # what was given to a row that is gone is not given again
    highest = WorkRequest.objects.using(file).order_by("-pk")[0].pk
    values = WorkRequest.objects.using(file).values().get(pk=highest)
    made = WorkRequest.objects.using(file).create(**(values | {"id": None}))
    assert made.pk > highest + 1


def test_and_back(rows: WorkRequest, file: str, back: str) -> None:
    copy_database(DEFAULT_DB_ALIAS, file)
    there = copy_database(file, back)
    assert contents(back) == contents(DEFAULT_DB_ALIAS)
    numbered = [table for table in all_tables() if table.last_number(DEFAULT_DB_ALIAS)]
    assert numbered
    for table in numbered:
        assert table.last_number(back) == table.last_number(DEFAULT_DB_ALIAS), table.name
    with pytest.raises(ConflictError, match="there is a User in the target"):
        copy_database(file, back)
    assert {table.name: table.digest for table in there}.keys() == contents(back).keys()


def test_a_row_that_cannot_be_kept_is_named_and_nothing_stays(
    rows: WorkRequest, file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    insert = Table.insert

    def refuse(self: Table, some: list[Any], alias: str) -> None:
        if self.name == "db_workspace" and any("System" in row for row in some):
            raise ValueError("A string literal cannot contain NUL (0x00) characters.")
        insert(self, some, alias)

    monkeypatch.setattr(Table, "insert", refuse)
    pk = Workspace.objects.get().pk
    with pytest.raises(UserError, match="row of table db_workspace cannot be copied") as caught:
        copy_database(DEFAULT_DB_ALIAS, file)
    assert (
        caught.value.details == f"id {pk}: A string literal cannot contain NUL (0x00) characters."
    )
    assert not Workspace.objects.using(file).exists()


def test_a_difference_is_found_and_nothing_stays(
    rows: WorkRequest, file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    insert = Table.insert

    def change(self: Table, some: list[Any], alias: str) -> None:
        if self.name == "db_workspace":
            some = [(*row[:-1], None) for row in some]
        insert(self, some, alias)

    monkeypatch.setattr(Table, "insert", change)
    with pytest.raises((BugError, UserError), match="table db_workspace"):
        copy_database(DEFAULT_DB_ALIAS, file)
    assert not Workspace.objects.using(file).exists()


def test_databases_of_different_versions_are_refused(rows: WorkRequest, file: str) -> None:
    with connections[file].cursor() as cursor:
        cursor.execute(
            "INSERT INTO django_migrations VALUES (1000, 'db', '9999_later', '2026-01-01')"
        )
    with pytest.raises(ConflictError, match="not of the same version") as caught:
        copy_database(DEFAULT_DB_ALIAS, file)
    assert caught.value.details == "only one has: 9999_later"
