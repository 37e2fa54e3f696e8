# SPDX-License-Identifier: GPL-3.0-or-later
"""Artifacts and how they relate."""

from __future__ import annotations

from django.db import models
from typing_extensions import override

from debusine.db.models.user import User
from debusine.db.models.work_request import WorkRequest
from debusine.db.models.workspace import Workspace


class Artifact(models.Model):
    """A set of files with a category and data."""

    category = models.CharField(max_length=255)
    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="artifacts")
    data = models.JSONField(default=dict)
    created_at = models.DateTimeField()
    # when a file of it was completed; null: none was uploaded
    last_upload_at = models.DateTimeField(null=True)
    expiration_delay = models.DurationField(null=True)
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="artifacts")
    created_by_work_request = models.ForeignKey(
        WorkRequest, models.SET_NULL, null=True, related_name="artifacts"
    )

    class Meta:
        indexes = [models.Index(fields=["workspace", "category", "-id"], name="artifact_newest")]

    @override
    def __str__(self) -> str:
        return f"{self.id} {self.category}"


class ArtifactRelation(models.Model):
    """A relation from an artifact to its target."""

    artifact = models.ForeignKey(Artifact, models.CASCADE, related_name="relations")
    target = models.ForeignKey(Artifact, models.PROTECT, related_name="targeted_by")
    type = models.CharField(max_length=16)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["artifact", "target", "type"], name="artifact_relation"
            ),
        ]

    @override
    def __str__(self) -> str:
        return f"{self.artifact_id} {self.type} {self.target_id}"
