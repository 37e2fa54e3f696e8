# SPDX-License-Identifier: GPL-3.0-or-later
"""Remove a relation between artifacts."""

from __future__ import annotations

from debusine.db.models import ArtifactRelation
from debusine.domain.permission import MAX_ID, Verb
from debusine.errors import NotFoundError
from debusine.server.access import is_visible, require
from debusine.server.action import action
from debusine.server.actor import Actor


@action
def delete_relation(actor: Actor, relation_id: int) -> None:
    """
    Remove a relation; the artifacts stay.

    :raises NotFoundError: if the actor does not see both ends
    :raises PermissionDeniedError: if it does not own the workspace where the relation starts
    """
    relation = (
        ArtifactRelation.objects.select_related("artifact__workspace__scope", "target__workspace")
        .filter(id=min(relation_id, MAX_ID))
        .first()
    )
    if (
        relation is None
        or not is_visible(actor, relation.artifact)
        or not is_visible(actor, relation.target)
    ):
        raise NotFoundError("Relation not found")
    require(actor, Verb.DELETE_RELATIONS, relation.artifact.workspace)
    relation.delete()
