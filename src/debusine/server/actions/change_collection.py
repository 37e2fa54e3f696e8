# SPDX-License-Identifier: GPL-3.0-or-later
"""Put artifacts and bare data into collections, and take them out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from debusine.db.models import Artifact, Collection, CollectionItem, ItemType, User, WorkRequest
from debusine.domain.permission import Verb
from debusine.domain.text import text_problem
from debusine.server.access import require
from debusine.server.action import action
from debusine.server.actor import Actor
from debusine.server.collections.base import (
    CollectionKind,
    ItemAdditionError,
    NewItem,
    kind_of,
)

MAX_NAME_LENGTH = 255


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """
    Who changes a collection, and when; they have been allowed to.

    :param work_request: whose reaction or task it is
    """

    user: User | None
    work_request: WorkRequest | None = None
    now: datetime


@transaction.atomic
def put_artifact(  # noqa: PLR0913  each is a fact of its own
    collection: Collection,
    artifact: Artifact,
    *,
    change: Change,
    variables: Mapping[str, Any] | None = None,
    name: str | None = None,
    replace: bool = True,
) -> CollectionItem:
    """
    Add an artifact to a collection, if wanted in place of the item that has its name.

    The old item stays as history, and its artifact with it.

    :param variables: what is known beside the artifact, see the collection's kind
    :param name: of the item; None leaves it to the kind
    :raises ItemAdditionError: if it does not belong there, or its name is taken
    """
    kind = kind_of(collection)
    kind.check_name(name)
    new = _named(kind.describe(artifact, variables or {}), name)
    item = _item(collection, new, change=change)
    item.child_type = ItemType.ARTIFACT
    item.category = artifact.category
    item.artifact = artifact
    return _put(kind, item, change=change, replace=replace)


@transaction.atomic
def put_bare(  # noqa: PLR0913  each is a fact of its own
    collection: Collection,
    category: str,
    data: Mapping[str, Any],
    *,
    change: Change,
    name: str | None = None,
    replace: bool = True,
) -> CollectionItem:
    """
    Add data without files to a collection, if wanted in place of the item that has its name.

    :param name: of the item; None leaves it to the kind
    :raises ItemAdditionError: if it does not belong there, or its name is taken
    :raises UserError: if it does not fit its category
    """
    kind = kind_of(collection)
    kind.check_name(name)
    item = _item(collection, _named(kind.describe_bare(category, data), name), change=change)
    item.child_type = ItemType.BARE
    item.category = category
    return _put(kind, item, change=change, replace=replace)


@transaction.atomic
def remove_item(
    item: CollectionItem, *, change: Change, with_associated: bool = False
) -> Sequence[int]:
    """
    Remove an item; it stays as history.

    :param with_associated: whether what makes no sense without it is removed, too
    :returns: ids of what was removed; empty if somebody else has removed it
    """
    kind = kind_of(item.collection)
    _lock(item.collection)
    gone = {item.pk}
    if with_associated:
        gone.update(kind.associated(item).values_list("pk", flat=True))
    active = CollectionItem.objects.filter(pk__in=gone, removed_at=None)
    found = sorted(active.values_list("pk", flat=True))
    _remove(kind, CollectionItem.objects.filter(pk__in=found), change=change)
    return found


@action
def remove_collection_item(actor: Actor, *, item: CollectionItem, now: datetime) -> None:
    """
    Remove an item and what makes no sense without it, because somebody wants it.

    :param item: with collection, workspace and scope loaded
    :raises PermissionDeniedError: unless an owner of the collection asks
    """
    require(actor, Verb.EDIT_CONTENTS, item.collection)
    remove_item(item, change=Change(user=actor.user, now=now), with_associated=True)


def _named(new: NewItem, name: str | None) -> NewItem:
    """
    Give an item its name.

    :raises ItemAdditionError: for what is no name
    """
    found = new.name if name is None else name
    if not found or len(found) > MAX_NAME_LENGTH or text_problem(found) is not None:
        raise ItemAdditionError(f"not a name for an item: {found!r:.300}")
    return NewItem(name=found, data=new.data)


def _item(collection: Collection, new: NewItem, *, change: Change) -> CollectionItem:
    return CollectionItem(
        collection=collection,
        name=new.name,
        data=dict(new.data),
        created_at=change.now,
        created_by=change.user,
        created_by_work_request=change.work_request,
    )


def _put(
    kind: CollectionKind, item: CollectionItem, *, change: Change, replace: bool
) -> CollectionItem:
    """
    Store a new item, and do what follows from it.

    :raises ItemAdditionError: if it cannot be there, or its name is taken
    """
    kind.index(item)
    # whoever else changes the same collection waits here
    _lock(item.collection)
    same = kind.admit(item)
    if same is not None:
        return same
    present = CollectionItem.objects.filter(
        collection=item.collection, name=item.name, removed_at=None
    )
    old = present.first()
    if old is not None:
        if not replace or ItemType(old.child_type) not in kind.replaces[ItemType(item.child_type)]:
            raise ItemAdditionError(f"{item.collection} has an item of the name {item.name!r}")
        _remove(kind, present, change=change)
    item.save(force_insert=True)
    kind.added(item)
    return item


def _remove(kind: CollectionKind, items: QuerySet[CollectionItem], *, change: Change) -> None:
    # before the update, which may change what the query finds
    kind.removed(items)
    items.update(
        removed_at=change.now,
        removed_by=change.user,
        removed_by_work_request=change.work_request,
    )


def _lock(collection: Collection) -> None:
    Collection.objects.select_for_update().get(pk=collection.pk)
