# SPDX-License-Identifier: GPL-3.0-or-later
"""``update-collection-with-data``: add an item without files to a collection."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from debusine.db.models import WorkRequest
from debusine.server.actions.change_collection import Change, put_bare
from debusine.server.reaction_items import collection_for, item_name
from debusine.tasks.reactions import UpdateCollectionWithData

ACTION: Final = "update-collection-with-data"


def react(request: WorkRequest, wanted: Mapping[str, Any], *, now: datetime) -> None:
    """
    Add the data, in place of what has its name.

    :param request: with workspace, scope and author loaded
    :raises LookupError: if the collection is not there
    :raises UserError: if the data does not belong there, or lacks what the name needs
    """
    reaction = UpdateCollectionWithData.model_validate(wanted)
    collection = collection_for(request, reaction.collection)
    data = reaction.data or {}
    put_bare(
        collection,
        reaction.category,
        data,
        change=Change(
            user=request.created_by, work_request=request, now=reaction.created_at or now
        ),
        name=item_name(reaction.name_template, data),
    )
