# SPDX-License-Identifier: GPL-3.0-or-later
"""What a category of collections is: what it holds, how items are named and found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

from django.db.models import Q, QuerySet

from debusine.db.models import Artifact, Collection, CollectionItem
from debusine.domain.lookup import BadLookupError, LookupMultiple, LookupSingle, Segment
from debusine.errors import UserError
from debusine.util.discovery import load_all

KINDS_PACKAGE = "debusine.server.collections"


class ItemAdditionError(UserError):
    """Something cannot be added to a collection."""

    code = "item-addition"


@dataclass(frozen=True, kw_only=True, slots=True)
class NewItem:
    """
    How an artifact stands in a collection.

    :param data: about the item, beside the data of the artifact
    """

    name: str
    data: Mapping[str, Any]


class CollectionKind:
    """
    One category of collections.

    A subclass in a file of this folder sets ``category`` and overrides what does
    not hold; this class serves categories that have none.
    """

    category: ClassVar[str] = ""
    artifact_categories: ClassVar[frozenset[str]] = frozenset()

    def lookup(self, collection: Collection, segment: Segment) -> CollectionItem | None:
        """
        Find the active item that one segment of a lookup names.

        :raises BadLookupError: if this category has no such kind of lookup
        """
        if segment.kind == "name":
            return active_items(collection).filter(name=segment.value).first()
        return self.find(collection, segment)

    def find(self, collection: Collection, segment: Segment) -> CollectionItem | None:
        """
        Find an item by a kind of lookup that only this category has.

        :raises BadLookupError: if it has no such kind
        """
        raise BadLookupError(
            f"collections of category {collection.category} have no lookup {segment.kind!r}"
        )

    def filter(self, collection: Collection, key: str, value: LookupSingle | LookupMultiple) -> Q:
        """
        Condition that ``lookup__KEY`` puts on the items of a collection.

        :raises BadLookupError: if this category has no such key
        """
        del value
        raise BadLookupError(
            f"collections of category {collection.category} have no filter 'lookup__{key}'"
        )

    def describe(self, artifact: Artifact, variables: Mapping[str, Any]) -> NewItem:
        """
        Name an artifact as an item.

        :param variables: what is known beside the artifact
        :raises ItemAdditionError: if it does not belong here, or something is not known
        """
        del variables
        raise ItemAdditionError(
            f"artifacts of category {artifact.category} cannot be added to collections "
            f"of category {self.category or 'that the server does not know'}"
        )


def active_items(collection: Collection) -> QuerySet[CollectionItem]:
    """Query of the items that have not been removed, with what they are loaded."""
    return CollectionItem.objects.filter(collection=collection, removed_at=None).select_related(
        "artifact__workspace__scope",
        "child_collection__workspace__scope",
        "collection__workspace__scope",
    )


@cache
def _kinds() -> Mapping[str, CollectionKind]:
    return {
        kind.category: kind()
        for module in load_all(KINDS_PACKAGE)
        for kind in vars(module).values()
        if isinstance(kind, type)
        and issubclass(kind, CollectionKind)
        and kind.__module__ == module.__name__
        and kind.category
    }


def kind_of(collection: Collection) -> CollectionKind:
    """What is known about the category of a collection."""
    return _kinds().get(collection.category, CollectionKind())
