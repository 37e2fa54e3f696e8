# SPDX-License-Identifier: GPL-3.0-or-later
"""What work requests have made."""

from __future__ import annotations

from django.db.models import BigIntegerField, Exists, OuterRef, QuerySet

from debusine.db.models import Artifact, FileInArtifact, WorkRequest
from debusine.db.prepared import Param, PreparedValues


def complete_artifacts() -> QuerySet[Artifact]:
    """
    Artifacts whose files are all there, oldest first.

    An attempt that was lost leaves others: they are nobody's result, and are swept.
    """
    missing = FileInArtifact.objects.filter(artifact=OuterRef("pk"), complete=False)
    return Artifact.objects.filter(~Exists(missing)).order_by("pk")


def artifacts_of(request: WorkRequest) -> QuerySet[Artifact]:
    """What a request has made, or what the one made whose result it has."""
    maker = request.reused_from_id or request.pk
    return complete_artifacts().filter(created_by_work_request=maker)


def artifact_ids_of(request: WorkRequest) -> list[int]:
    """Their ids, ascending; one query."""
    maker = request.reused_from_id or request.pk
    return [pk for (pk,) in _IDS.all(work_request=maker)]


_IDS = PreparedValues(
    lambda: (
        complete_artifacts()
        .filter(created_by_work_request=Param("work_request", BigIntegerField()))
        .values_list("pk")
    )
)
