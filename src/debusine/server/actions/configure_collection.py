# SPDX-License-Identifier: GPL-3.0-or-later
"""Change what is said of a collection."""

from __future__ import annotations

from debusine.db.models import Collection
from debusine.domain.permission import Verb
from debusine.errors import UserError
from debusine.server.access import require
from debusine.server.action import action
from debusine.server.actions.create_collection import as_period, check_name, store
from debusine.server.actor import Actor
from debusine.server.collections.base import kind_of
from debusine.wire.collection import CollectionUpdate

TITLE = "Cannot change collection"


@action
def configure_collection(actor: Actor, *, collection: Collection, wanted: CollectionUpdate) -> None:
    """
    Give a collection another name, other data, other periods.

    :param collection: with workspace and scope loaded
    :param wanted: fields that were not given stay
    :raises PermissionDeniedError: unless an owner of the collection asks
    :raises UserError: for another category, and for a name that cannot be or is taken
    """
    require(actor, Verb.CONFIGURE_COLLECTION, collection)
    if wanted.category not in {None, collection.category}:
        message = "cannot be changed"
        raise UserError(TITLE, details=message, validation_errors={"category": [message]})
    if wanted.name is not None and wanted.name != collection.name:
        check_name(collection.category, wanted.name, title=TITLE)
        collection.name = wanted.name
    if wanted.data is not None and wanted.data != collection.data:
        collection.data = kind_of(collection).changed_data(wanted.data)
    for field in ("full_history_retention_period", "metadata_only_retention_period"):
        if field in wanted.model_fields_set:
            setattr(collection, field, as_period(getattr(wanted, field)))
    store(collection, title=TITLE)
