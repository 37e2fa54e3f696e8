# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows of an older version survive, and no model is ahead of its migrations."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from debusine.db.models import Collection
from debusine.domain.lookup import Segment
from debusine.server.collections.base import kind_of

FIRST = ("db", "0001_pre_first")


def migrate(*targets: tuple[str, str]) -> MigrationExecutor:
    executor = MigrationExecutor(connection)
    executor.migrate(list(targets))
    return MigrationExecutor(connection)


@pytest.fixture
def newest(transactional_db: None) -> Iterator[list[tuple[str, str]]]:
    targets = MigrationExecutor(connection).loader.graph.leaf_nodes("db")
    yield targets
    migrate(*targets)


def test_rows_of_the_first_version_survive(newest: list[tuple[str, str]]) -> None:
    old = migrate(FIRST).loader.project_state([FIRST]).apps
    now = timezone.now()
    scope = old.get_model("db", "Scope").objects.create(name="old", created_at=now)
    workspace = old.get_model("db", "Workspace").objects.create(
        name="place", scope=scope, created_at=now
    )
    artifact = old.get_model("db", "Artifact").objects.create(
        workspace=workspace, category="debusine:test", data={"a": 1}, created_at=now
    )
    new = migrate(*newest).loader.project_state(newest).apps
    found = new.get_model("db", "Artifact").objects.get(pk=artifact.pk)
    assert (found.category, found.data) == ("debusine:test", {"a": 1})
    assert found.workspace.scope.name == "old"


def test_environments_of_an_older_version_are_found(newest: list[tuple[str, str]]) -> None:
    before = ("db", "0004_pre_places")
    old = migrate(before).loader.project_state([before]).apps
    now = timezone.now()
    scope = old.get_model("db", "Scope").objects.create(name="old", created_at=now)
    workspace = old.get_model("db", "Workspace").objects.create(
        name="place", scope=scope, created_at=now
    )
    artifact = old.get_model("db", "Artifact").objects.create(
        workspace=workspace, category="debian:system-tarball", created_at=now
    )
    collection = old.get_model("db", "Collection").objects.create(
        name="debian", category="debian:environments", workspace=workspace
    )
    old.get_model("db", "CollectionItem").objects.create(
        collection=collection,
        name="tarball:trixie:amd64",
        child_type="artifact",
        category=artifact.category,
        artifact=artifact,
        data={"codename": "trixie", "architecture": "amd64", "variant": None, "backend": None},
        created_at=now,
    )
    migrate(*newest)
    kept = Collection.objects.get(pk=collection.pk)
    wanted = Segment(kind="match", value="codename=trixie:architecture=amd64")
    found = kind_of(kept).lookup(kept, wanted)
    assert found is not None
    key, rank = found.key, bytes(found.rank)
    kind_of(kept).index(found)
    assert (found.key, found.rank) == (key, rank)


def test_no_model_is_ahead_of_its_migrations(db: None) -> None:
    call_command("makemigrations", "db", check=True, dry_run=True, verbosity=0)
