# SPDX-License-Identifier: GPL-3.0-or-later
"""``debian:archive``: the suites of a workspace as one, and indexes above them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import QuerySet
from typing_extensions import override

from debusine.artifacts.kinds.repository_index import RepositoryIndex
from debusine.db.models import Artifact, Collection, CollectionItem
from debusine.domain.lookup import Segment
from debusine.server.collections.base import (
    CollectionKind,
    ItemAdditionError,
    NewItem,
    active_items,
    loaded,
)
from debusine.server.collections.suite import Suite, find_package
from debusine.server.packages import INDEX_PREFIX, describe_index
from debusine.server.pool import ARCHIVE

_SUITES = "dists/"


class Archive(CollectionKind):
    """
    Holds indexes that belong to no suite, named ``index:PATH``.

    Lookups of packages look in every suite of the workspace whose data does not say
    ``exported: false``; ``index:dists/SUITE/PATH`` is the index of a suite.
    """

    category = ARCHIVE
    is_singleton = True
    artifact_categories = frozenset({RepositoryIndex.category})

    @override
    def find(self, collection: Collection, segment: Segment) -> CollectionItem | None:
        if segment.kind == "index":
            return _index(collection, segment.value)
        if (found := find_package(_items_of_suites(collection), segment)) is not None:
            return found.item
        return super().find(collection, segment)

    @override
    def describe(self, artifact: Artifact, variables: Mapping[str, Any]) -> NewItem:
        if artifact.category not in self.artifact_categories:
            return super().describe(artifact, variables)
        new = describe_index(artifact, variables)
        if new.data["path"].startswith(_SUITES):
            raise ItemAdditionError(f"{new.data['path']} belongs to a suite")
        return new


def _index(archive: Collection, path: str) -> CollectionItem | None:
    suite, slash, rest = path.removeprefix(_SUITES).partition("/")
    if not path.startswith(_SUITES) or not slash:
        return active_items(archive).filter(name=f"{INDEX_PREFIX}{path}").first()
    items = _items_of_suites(archive).filter(collection__name=suite)
    return items.filter(name=f"{INDEX_PREFIX}{rest}").first()


def _items_of_suites(archive: Collection) -> QuerySet[CollectionItem]:
    """Active items of every suite that the archive shows."""
    suites = Collection.objects.filter(workspace=archive.workspace_id, category=Suite.category)
    shown = [
        pk for pk, data in suites.values_list("pk", "data") if data.get("exported") is not False
    ]
    return loaded(CollectionItem.objects.filter(collection__in=shown, removed_at=None))
