# SPDX-License-Identifier: GPL-3.0-or-later
"""Delete a collection."""

from __future__ import annotations

from django.db.models import ProtectedError

from debusine.db.models import Collection, CollectionItem, ItemConstraint
from debusine.domain.permission import Verb
from debusine.errors import ConflictError
from debusine.server.access import require
from debusine.server.action import action
from debusine.server.actor import Actor


@action
def delete_collection(actor: Actor, *, collection: Collection) -> None:
    """
    Delete a collection with its items and their history; artifacts stay.

    :param collection: with workspace and scope loaded
    :raises PermissionDeniedError: unless an owner of the collection asks; and for what a
        workflow keeps for itself
    :raises ConflictError: if it is an item of another collection
    """
    require(actor, Verb.DELETE_COLLECTION, collection)
    # nothing refers to either; each is one statement
    CollectionItem.objects.filter(collection=collection).delete()
    ItemConstraint.objects.filter(collection=collection).delete()
    try:
        collection.delete()
    except ProtectedError as error:
        raise ConflictError(
            "Cannot delete collection", details="Another collection holds it as an item."
        ) from error
