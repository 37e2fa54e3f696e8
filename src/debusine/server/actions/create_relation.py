# SPDX-License-Identifier: GPL-3.0-or-later
"""Relate one artifact to another."""

from __future__ import annotations

from debusine.artifacts.relation import RelationType
from debusine.db.models import Artifact, ArtifactRelation, FileInArtifact
from debusine.errors import UserError
from debusine.server.access import find_artifact, require_change
from debusine.server.action import action
from debusine.server.actor import Actor


@action
def create_relation(
    actor: Actor, *, artifact: int, target: int, relation_type: RelationType
) -> tuple[ArtifactRelation, bool]:
    """
    Add a relation; adding it again finds the same one.

    :param artifact: id of the artifact where the relation starts
    :param target: id of the artifact it points to
    :returns: the relation, and whether it is new
    :raises NotFoundError: if the actor does not see one of the two
    :raises PermissionDeniedError: if it may not change the first
    :raises UserError: if one of them still lacks files
    """
    source_row = find_artifact(actor, artifact)
    target_row = find_artifact(actor, target)
    require_change(actor, source_row)
    _check_complete({"artifact": source_row, "target": target_row})
    return ArtifactRelation.objects.get_or_create(
        artifact=source_row, target=target_row, type=relation_type.value
    )


def _check_complete(artifacts: dict[str, Artifact]) -> None:
    incomplete = set(
        FileInArtifact.objects.filter(artifact__in=artifacts.values(), complete=False)
        .values_list("artifact_id", flat=True)
        .distinct()
    )
    errors = {
        field: [f"artifact {row.pk} still lacks files"]
        for field, row in artifacts.items()
        if row.pk in incomplete
    }
    if errors:
        raise UserError("Cannot create relation", validation_errors=errors)
