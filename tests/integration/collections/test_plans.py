# SPDX-License-Identifier: GPL-3.0-or-later
"""Lookups read what they find, not the collection that it is in."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection
from tests.integration.collections.conftest import make_binary, make_source, many, one, put
from tests.integration.lookup.conftest import (
    BEGIN,
    add,
    make_artifact,
    make_collection,
    make_tarball,
)

from debusine.db.models import Collection, CollectionItem, ItemType
from debusine.server.collections.base import kind_of
from debusine.server.lookup import Searcher
from debusine.testing import factories

NAME = "collection_item_active_name"
PREFIX = "collection_item_prefix"
NEWEST = "collection_item_newest"
CATEGORY = "collection_item_category"
ABOUT = "collection_item_about"
MANY = 2000
ITEMS = CollectionItem._meta.db_table


class Plans:
    """How the database answered what was asked of it about items."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Any]] = []

    @contextmanager
    def watch(self) -> Any:
        with connection.execute_wrapper(self._note):
            yield

    def _note(self, execute: Callable[..., Any], sql: str, params: Any, *rest: Any) -> Any:
        if f'FROM "{ITEMS}"' in sql or f'UPDATE "{ITEMS}"' in sql:
            self.asked.append((sql, params))
        return execute(sql, params, *rest)

    def lines(self) -> list[str]:
        """What is read of the table of items, and by which index."""
        is_sqlite = connection.vendor == "sqlite"
        found = []
        with connection.cursor() as cursor:
            for sql, params in self.asked:
                cursor.execute(f"EXPLAIN {'QUERY PLAN ' * is_sqlite}{sql}", params)
                found += [str(row[-1]) for row in cursor.fetchall()]
        return [line for line in found if "SCAN" in line.upper() or "SEARCH" in line]

    def indexes(self) -> set[str]:
        """The indexes of items that were used."""
        known = (NAME, PREFIX, NEWEST, CATEGORY, ABOUT)
        lines = self.lines()
        of_items = [line for line in lines if ITEMS in line or "collection_item" in line]
        assert of_items, (lines, self.asked)
        for line in of_items:
            whole = (f"SCAN {ITEMS}", f"Seq Scan on {ITEMS}")
            assert not any(words in line for words in whole), line
        used = {name for name in known if any(name in line for line in of_items)}
        assert used, of_items
        return used


def fill(collection: Collection, category: str, data: Callable[[int], dict[str, Any]]) -> None:
    """Add so many items that reading them all is worse than any index."""
    kind = kind_of(collection)
    items = [
        CollectionItem(
            collection=collection,
            name=f"item{number}",
            child_type=ItemType.BARE,
            category=category,
            data=data(number),
            created_at=BEGIN,
        )
        for number in range(MANY)
    ]
    for item in items:
        kind.index(item)
    CollectionItem.objects.bulk_create(items)
    if connection.vendor == "postgresql":
        # it does so by itself, after a while
        with connection.cursor() as cursor:
            cursor.execute(f"ANALYZE {ITEMS}")


@pytest.fixture
def filled(suite: Collection) -> Collection:
    for name in ("hello", "world"):
        put(suite, make_source(name))
        put(suite, make_binary(name))
    facts = {"version": "1.0", "architecture": "amd64"}
    fill(suite, "debian:binary-package", lambda number: {"package": f"p{number}", **facts})
    return suite


@pytest.mark.parametrize(
    ("lookup", "expected"),
    [
        ("hello_1.0-1", {NAME, PREFIX}),
        ("source-version:hello_1.0-1", {NAME, PREFIX}),
        ("source:hello", {NEWEST}),
        ("binary:hello_amd64", {NEWEST}),
        ("binary-version:hello_1.0-1_amd64", {NAME, PREFIX}),
    ],
)
def test_single_lookups_in_suites(
    filled: Collection, searcher: Searcher, lookup: str, expected: set[str]
) -> None:
    plans = Plans()
    with plans.watch():
        one(searcher, f"trixie@debian:suite/{lookup}")
    assert plans.indexes() <= expected


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"name": "hello_1.0-1"}, {NAME, PREFIX}),
        ({"name__in": ["hello_1.0-1", "other"]}, {NAME, PREFIX}),
        ({"name__startswith": "hello_"}, {NAME, PREFIX}),
        ({"category": "debian:source-package"}, {CATEGORY}),
        ({"data__package": "hello"}, {NAME, PREFIX}),
    ],
)
def test_filters_in_suites(
    filled: Collection, searcher: Searcher, filters: dict[str, Any], expected: set[str]
) -> None:
    plans = Plans()
    with plans.watch():
        found = many(searcher, {"collection": "trixie@debian:suite", **filters})
    assert found[0] == "hello_1.0-1"
    assert plans.indexes() <= expected


def test_environments_by_how_their_key_begins(searcher: Searcher) -> None:
    environments = make_collection()
    add(environments, make_tarball(), backend="unshare")
    fill(
        environments,
        "debian:system-tarball",
        lambda number: {"codename": f"c{number}", "architecture": "amd64"},
    )
    plans = Plans()
    with plans.watch():
        one(searcher, "debian@debian:environments/match:codename=trixie:architecture=amd64")
    assert plans.indexes() == {NEWEST}


def test_the_latest_result(searcher: Searcher) -> None:
    results = make_collection("trixie", "debian:qa-results")
    facts = {"task_name": "lintian", "architecture": "source", "timestamp": 1}
    fill(
        results,
        "debian:qa-result",
        lambda number: {"package": f"p{number}", "work_request_id": number, **facts},
    )
    plans = Plans()
    with plans.watch():
        one(searcher, "trixie@debian:qa-results/latest:lintian_p7_source")
    assert plans.indexes() == {NEWEST}


def test_logs_of_a_request(searcher: Searcher) -> None:
    logs = make_collection("_", "debian:package-build-logs")
    fill(logs, "debian:package-build-log", lambda number: {"work_request_id": -number})
    artifact = make_artifact(created_by_work_request=factories.make_work_request())
    wanted = {
        "collection": "_@debian:package-build-logs",
        "child_type": "any",
        "lookup__same_work_request": artifact.pk,
    }
    plans = Plans()
    with plans.watch():
        assert many(searcher, wanted) == []
    assert plans.indexes() == {ABOUT}


def test_adding_looks_at_no_other_package(filled: Collection) -> None:
    source = make_source("hello", "1.1-1")
    plans = Plans()
    with plans.watch():
        put(filled, source)
    assert plans.indexes() <= {NAME, PREFIX, NEWEST}
