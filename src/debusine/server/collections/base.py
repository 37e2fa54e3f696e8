# SPDX-License-Identifier: GPL-3.0-or-later
"""What a category of collections is: what it holds, how items are named and found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

from django.db.models import Q, QuerySet

from debusine.artifacts.bare_data.base import bare_data_kind_for, check_bare_data
from debusine.db.models import Artifact, Collection, CollectionItem, ItemType
from debusine.domain.lookup import (
    BadLookupError,
    LookupChildType,
    LookupDict,
    LookupMultiple,
    LookupSingle,
    Segment,
)
from debusine.errors import UserError
from debusine.server.finder import Find
from debusine.util.discovery import load_all

KINDS_PACKAGE = "debusine.server.collections"
SINGLETON_NAME = "_"
_REPLACES_ITS_LIKE: Mapping[ItemType, frozenset[ItemType]] = {
    ItemType.ARTIFACT: frozenset({ItemType.ARTIFACT}),
    ItemType.BARE: frozenset({ItemType.BARE}),
}
REPLACES_PLACEHOLDERS: Mapping[ItemType, frozenset[ItemType]] = {
    ItemType.ARTIFACT: frozenset({ItemType.ARTIFACT, ItemType.BARE}),
    ItemType.BARE: frozenset({ItemType.BARE}),
}
"""Bare data stands for an artifact that is to come."""


class ItemAdditionError(UserError):
    """Something cannot be added to a collection."""

    code = "item-addition"


@dataclass(frozen=True, kw_only=True, slots=True)
class NewItem:
    """
    How an artifact or bare data stands in a collection.

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
    is_singleton: ClassVar[bool] = False
    """Whether a workspace has at most one, which is named ``_``."""
    artifact_categories: ClassVar[frozenset[str]] = frozenset()
    bare_categories: ClassVar[frozenset[str]] = frozenset()
    replaces: ClassVar[Mapping[ItemType, frozenset[ItemType]]] = _REPLACES_ITS_LIKE
    """What an item of each type may take the place of."""

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

    def filter(self, key: str, value: LookupSingle | LookupMultiple, find: Find) -> Q:
        """
        Condition that ``lookup__KEY`` puts on the items of a collection.

        :param find: answers lookups, such as ``value``
        :raises BadLookupError: if this category has no such key
        """
        del value, find
        raise BadLookupError(
            f"collections of category {self.category} have no filter 'lookup__{key}'"
        )

    def narrow(self, collection: Collection, wanted: LookupDict) -> Q:
        """
        Condition that an index answers, and that holds for every item that passes a lookup.

        The lookup's own filters are applied beside it.
        """
        del collection, wanted
        return Q()

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

    def describe_bare(self, category: str, data: Mapping[str, Any]) -> NewItem:
        """
        Check bare data, and name it as an item.

        :raises ItemAdditionError: if it does not belong here
        :raises UserError: if it does not fit its category
        """
        if category not in self.bare_categories:
            raise ItemAdditionError(
                f"bare data of category {category} cannot be added to collections "
                f"of category {self.category or 'that the server does not know'}"
            )
        checked = check_bare_data(category, data)
        kind = bare_data_kind_for(category)
        name = kind.item_name(kind.data_type.model_validate(checked))
        return NewItem(name=name or "", data=checked)

    def check_name(self, name: str | None) -> None:
        """
        Judge a name that somebody gives to an item, or None.

        :raises ItemAdditionError: if items are never named, or always
        """

    def changed_data(self, data: dict[str, Any]) -> dict[str, Any]:
        """What the data of a collection becomes when somebody changes it by hand."""
        return data

    def index(self, item: CollectionItem) -> None:
        """Fill in the columns by which lookups of this category find an item; not saved."""

    def admit(self, item: CollectionItem) -> CollectionItem | None:
        """
        Look at an item that is to be added; the collection is locked.

        :returns: an active item that is the very same, so that none need be added
        :raises ItemAdditionError: if what is there already forbids it
        """
        del item
        return None

    def added(self, item: CollectionItem) -> None:
        """
        Do what follows from a new item, within the same transaction.

        :raises ItemAdditionError: if it cannot be there
        """

    def removed(self, items: QuerySet[CollectionItem]) -> None:
        """Do what follows from the removal of items, within the same transaction."""

    def associated(self, item: CollectionItem) -> QuerySet[CollectionItem]:
        """Query of what makes no sense without an item, and is removed with it."""
        return active_items(item.collection).none()


def active_items(collection: Collection) -> QuerySet[CollectionItem]:
    """Query of the items that have not been removed, with what they are loaded."""
    return loaded(CollectionItem.objects.filter(collection=collection, removed_at=None))


def loaded(items: QuerySet[CollectionItem]) -> QuerySet[CollectionItem]:
    """Query of the same items, with what answers to lookups show of them."""
    return items.select_related(
        "artifact__workspace__scope",
        "child_collection__workspace__scope",
        "collection__workspace__scope",
    )


def newest(items: QuerySet[CollectionItem], *keys: str) -> CollectionItem | None:
    """The item of highest rank among those of some keys; one look at an index for each key."""
    found = [items.filter(key=key).order_by("-rank", "-id").first() for key in keys]
    return max(
        (item for item in found if item is not None),
        key=lambda item: (bytes(item.rank), item.pk),
        default=None,
    )


def numbers_of_requests(value: LookupSingle | LookupMultiple, find: Find) -> set[int]:
    """Which work requests made the artifacts that a lookup finds."""
    found = find(value, LookupChildType.ARTIFACT)
    made_by = {one.artifact.created_by_work_request_id for one in found if one.artifact}
    return {number for number in made_by if number is not None}


@cache
def all_kinds() -> Mapping[str, CollectionKind]:
    """Every kind there is, by category."""
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
    return all_kinds().get(collection.category, CollectionKind())
