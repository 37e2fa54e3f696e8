# SPDX-License-Identifier: GPL-3.0-or-later
"""``update-collection-with-artifacts``: add what a request produced to a collection."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from debusine.db.models import Artifact, WorkRequest
from debusine.domain.json_path import find_value
from debusine.domain.lookup import Matcher, MatcherKind
from debusine.errors import UserError
from debusine.server.actions.change_collection import Change, put_artifact
from debusine.server.produced import artifacts_of
from debusine.server.reaction_items import collection_for, item_name
from debusine.tasks.reactions import UpdateCollectionWithArtifacts

ACTION: Final = "update-collection-with-artifacts"


def react(request: WorkRequest, wanted: Mapping[str, Any], *, now: datetime) -> None:
    """
    Add every artifact of a request that passes the filters.

    :param request: with workspace, scope and author loaded
    :raises LookupError: if the collection is not there
    :raises UserError: if a filter or variable is wrong, or an artifact does not belong there
    """
    reaction = UpdateCollectionWithArtifacts.model_validate(wanted)
    collection = collection_for(request, reaction.collection)
    for artifact in artifacts_of(request):
        if not all(_passes(artifact, *item) for item in reaction.artifact_filters.items()):
            continue
        variables = _expand(reaction.variables or {}, artifact.data)
        put_artifact(
            collection,
            artifact,
            change=Change(
                user=request.created_by, work_request=request, now=reaction.created_at or now
            ),
            variables=variables,
            name=item_name(reaction.name_template, variables),
        )


def _passes(artifact: Artifact, key: str, wanted: Any) -> bool:
    """
    Whether an artifact meets one condition; what it lacks meets none.

    :param key: ``category`` or ``data__KEY__KEY...``, with a kind of comparison at its end
    :raises UserError: if the key is another one
    """
    root, *path = key.split("__")
    kind = MatcherKind.EXACT
    if path and path[-1] in set(MatcherKind):
        kind = MatcherKind(path.pop())
    if root not in {"category", "data"} or (root == "category") == bool(path):
        raise UserError(f"unknown artifact filter {key!r}")
    value: Any = artifact.category if root == "category" else artifact.data
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    if kind is MatcherKind.EXACT:
        return bool(value == wanted)
    if kind is MatcherKind.IN:
        return value is not None and value in wanted
    if isinstance(value, list) and kind is MatcherKind.CONTAINS:
        return wanted in value
    matcher = Matcher(kind=kind, values=(str(wanted),))
    return isinstance(value, str) and matcher.matches(value)


def _expand(variables: Mapping[str, Any], data: Any) -> dict[str, Any]:
    """
    Replace JSON paths by what they find.

    :raises UserError: if one finds nothing, or a name is given twice
    """
    found = {
        key.removeprefix("$"): find_value(str(value), data) if key.startswith("$") else value
        for key, value in variables.items()
    }
    if len(found) != len(variables):
        raise UserError(f"a variable is given twice: {', '.join(sorted(variables))}")
    return found
