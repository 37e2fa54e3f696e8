# SPDX-License-Identifier: GPL-3.0-or-later
"""What reactions that put items into collections have in common."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from debusine.db.models import Collection, WorkRequest
from debusine.domain.lookup import BadLookupError, LookupChildType, LookupSingle
from debusine.errors import UserError
from debusine.server.actor import Actor
from debusine.server.lookup import Searcher

_PLACE = re.compile(r"\{(\w+)\}")


def collection_for(request: WorkRequest, lookup: LookupSingle) -> Collection:
    """
    Find the collection that a reaction names, as the author of its request sees it.

    :param request: with workspace, scope and author loaded
    :raises LookupError: if it is not there
    """
    searcher = Searcher(
        actor=Actor(user=request.created_by),
        workspace=request.workspace,
        workflow_root=request.workflow_root_id,
    )
    found = searcher.single(lookup, LookupChildType.COLLECTION).collection
    if found is None:
        raise BadLookupError(f"{lookup!r} is no collection")
    return found


def item_name(template: str | None, variables: Mapping[str, Any]) -> str | None:
    """
    Put variables into the template of a name; without one there is no name.

    :raises UserError: if the template names a variable that is not there

    >>> item_name("{codename}-{n}", {"codename": "sid", "n": 1})
    'sid-1'
    """
    if template is None:
        return None
    missing = set(_PLACE.findall(template)) - set(variables)
    if missing:
        raise UserError(f"name template {template!r} needs {', '.join(sorted(missing))}")
    return _PLACE.sub(lambda place: str(variables[place[1]]), template)
