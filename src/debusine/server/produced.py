# SPDX-License-Identifier: GPL-3.0-or-later
"""What work requests have made."""

from __future__ import annotations

from django.db.models import Exists, OuterRef, QuerySet

from debusine.db.models import Artifact, FileInArtifact


def complete_artifacts() -> QuerySet[Artifact]:
    """
    Artifacts whose files are all there, oldest first.

    An attempt that was lost leaves others: they are nobody's result, and are swept.
    """
    missing = FileInArtifact.objects.filter(artifact=OuterRef("pk"), complete=False)
    return Artifact.objects.filter(~Exists(missing)).order_by("pk")
