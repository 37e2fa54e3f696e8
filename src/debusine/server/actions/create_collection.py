# SPDX-License-Identifier: GPL-3.0-or-later
"""Make a collection."""

from __future__ import annotations

from datetime import timedelta

from django.db import IntegrityError, transaction

from debusine.db.models import Collection, Workspace
from debusine.domain.permission import Verb
from debusine.domain.place_name import name_problem
from debusine.domain.workflow import INTERNAL
from debusine.errors import UserError
from debusine.server.access import require
from debusine.server.action import action
from debusine.server.actor import Actor
from debusine.server.collections.base import SINGLETON_NAME, all_kinds
from debusine.wire.collection import CollectionCreate

TITLE = "Cannot create collection"


@action
def create_collection(
    actor: Actor, *, workspace: Workspace, wanted: CollectionCreate
) -> Collection:
    """
    Make an empty collection.

    :param workspace: with its scope loaded
    :raises PermissionDeniedError: unless an owner of the workspace asks
    :raises UserError: for a name or category that cannot be, or that there is already
    """
    require(actor, Verb.CREATE_COLLECTIONS, workspace)
    if wanted.category not in all_kinds() or wanted.category == INTERNAL:
        known = ", ".join(sorted(set(all_kinds()) - {INTERNAL}))
        message = f"no category for collections, there are: {known}"
        raise UserError(TITLE, details=message, validation_errors={"category": [message]})
    check_name(wanted.category, wanted.name, title=TITLE)
    collection = Collection(
        workspace=workspace,
        category=wanted.category,
        name=wanted.name,
        full_history_retention_period=as_period(wanted.full_history_retention_period),
        metadata_only_retention_period=as_period(wanted.metadata_only_retention_period),
        data=wanted.data,
    )
    store(collection, title=TITLE)
    return collection


def store(collection: Collection, *, title: str) -> None:
    """
    Save a collection.

    :raises UserError: if another one has its name
    """
    try:
        with transaction.atomic():
            collection.save()
    except IntegrityError as error:
        message = f"there is a collection {collection} already"
        raise UserError(title, details=message, validation_errors={"name": [message]}) from error


def check_name(category: str, name: str, *, title: str) -> None:
    """
    Check the name of a collection.

    :raises UserError: if it cannot be used
    """
    if all_kinds()[category].is_singleton:
        problem = None if name == SINGLETON_NAME else f"must be {SINGLETON_NAME!r}"
    else:
        problem = name_problem(name)
    if problem is not None:
        message = f"{name!r:.80} {problem}"
        raise UserError(title, details=message, validation_errors={"name": [message]})


def as_period(days: int | None) -> timedelta | None:
    """What a number of days is as a column; None is never."""
    return None if days is None else timedelta(days=days)
