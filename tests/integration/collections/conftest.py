# SPDX-License-Identifier: GPL-3.0-or-later
"""Collections of every category, and what goes into them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from tests.integration.lookup.conftest import BEGIN, make_artifact, make_collection

from debusine.artifacts.relation import RelationType
from debusine.db.models import (
    Artifact,
    ArtifactRelation,
    Collection,
    CollectionItem,
    File,
    FileInArtifact,
    User,
    Workspace,
)
from debusine.domain.lookup import LookupChildType, LookupMultiple
from debusine.server.actions.change_collection import Change, put_artifact, put_bare
from debusine.server.actor import Actor
from debusine.server.lookup import Found, Searcher


def on_day(day: int, *, user: User | None = None) -> Change:
    """A change on a day of January 2026, counted from 0."""
    return Change(user=user, now=BEGIN + timedelta(days=day))


def make_source(name: str = "hello", version: str = "1.0-1", *, content: str = "") -> Artifact:
    """A source package of one file; its hash follows from what it contains."""
    data = {"name": name, "version": version, "type": "dpkg", "dsc_fields": {}}
    artifact = make_artifact("debian:source-package", data=data)
    return with_file(artifact, f"{name}_{version}.dsc", content or f"{name} {version}")


def make_binary(
    name: str = "hello",
    version: str = "1.0-1",
    architecture: str = "amd64",
    *,
    source: Artifact | None = None,
) -> Artifact:
    """A binary package of one file, built of a source package."""
    data = {
        "srcpkg_name": name if source is None else source.data["name"],
        "srcpkg_version": version if source is None else source.data["version"],
        "deb_fields": {"Package": name, "Version": version, "Architecture": architecture},
        "deb_control_files": [],
    }
    artifact = make_artifact("debian:binary-package", data=data)
    if source is not None:
        relate(artifact, RelationType.BUILT_USING, source)
    return with_file(artifact, f"{name}_{version}_{architecture}.deb", f"{artifact.pk}")


def with_file(artifact: Artifact, path: str, content: str) -> Artifact:
    sha256 = content.encode().hex()[:64].ljust(64, "0")
    file, _ = File.objects.get_or_create(
        sha256=sha256, size=len(content), defaults={"created_at": BEGIN, "stored": True}
    )
    FileInArtifact.objects.create(artifact=artifact, path=path, file=file, complete=True)
    return artifact


def relate(artifact: Artifact, kind: RelationType, target: Artifact) -> None:
    ArtifactRelation.objects.create(artifact=artifact, target=target, type=kind.value)


def put(
    collection: Collection, artifact: Artifact, *, day: int = 0, replace: bool = True, **given: Any
) -> CollectionItem:
    """Put an artifact into a collection; packages are of the section ``misc`` in ``main``."""
    variables = {"component": "main", "section": "misc", "priority": "optional", **given}
    if collection.category not in {"debian:suite", "debian:archive"}:
        variables = given
    return put_artifact(
        collection, artifact, change=on_day(day), variables=variables, replace=replace
    )


def put_data(
    collection: Collection, category: str, *, day: int = 0, name: str | None = None, **data: Any
) -> CollectionItem:
    """Put bare data into a collection."""
    return put_bare(collection, category, data, change=on_day(day), name=name)


def names(collection: Collection) -> list[str]:
    """Names of the active items, in order."""
    items = CollectionItem.objects.filter(collection=collection, removed_at=None)
    return sorted(items.values_list("name", flat=True))


@pytest.fixture
def searcher(user: User, workspace: Workspace) -> Searcher:
    return Searcher(actor=Actor(user=user), workspace=workspace)


def one(searcher: Searcher, lookup: str) -> CollectionItem:
    """The item that a lookup finds."""
    found = searcher.single(lookup, LookupChildType.ANY).item
    assert found is not None
    return found


def many(searcher: Searcher, lookup: dict[str, Any]) -> list[str]:
    """Names of the items that a lookup finds, in its order."""
    found: list[Found] = searcher.multiple(LookupMultiple.parse(lookup), LookupChildType.ANY)
    return [each.item.name for each in found if each.item is not None]


@pytest.fixture
def suite(workspace: Workspace) -> Collection:
    return make_collection("trixie", "debian:suite", workspace=workspace)


@pytest.fixture
def archive(workspace: Workspace) -> Collection:
    return make_collection("_", "debian:archive", workspace=workspace)
