# SPDX-License-Identifier: GPL-3.0-or-later
"""Put artifacts into collections."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from debusine.db.models import Artifact, Collection, CollectionItem, ItemType, User, WorkRequest
from debusine.server.collections.base import ItemAdditionError, kind_of

MAX_NAME_LENGTH = 255


@transaction.atomic
def put_artifact(  # noqa: PLR0913  each is a fact of its own
    collection: Collection,
    artifact: Artifact,
    *,
    user: User | None,
    work_request: WorkRequest | None,
    now: datetime,
    variables: Mapping[str, Any] | None = None,
    name: str | None = None,
) -> CollectionItem:
    """
    Add an artifact to a collection, in place of the item that has its name.

    The old item stays as history, and its artifact with it. The caller has checked
    that ``user`` may do this.

    :param work_request: whose reaction adds it
    :param variables: what is known beside the artifact, see the collection's kind
    :param name: of the item; None leaves it to the kind
    :raises ItemAdditionError: if it does not belong there
    """
    new = kind_of(collection).describe(artifact, variables or {})
    item_name = new.name if name is None else name
    if not item_name or len(item_name) > MAX_NAME_LENGTH or "\0" in item_name:
        raise ItemAdditionError(f"not a name for an item: {item_name!r:.300}")
    # whoever else puts something of the same name waits here
    Collection.objects.select_for_update().get(pk=collection.pk)
    CollectionItem.objects.filter(collection=collection, name=item_name, removed_at=None).update(
        removed_at=now
    )
    return CollectionItem.objects.create(
        collection=collection,
        name=item_name,
        child_type=ItemType.ARTIFACT,
        category=artifact.category,
        artifact=artifact,
        data=dict(new.data),
        created_at=now,
        created_by=user,
        created_by_work_request=work_request,
    )
