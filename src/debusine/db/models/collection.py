# SPDX-License-Identifier: GPL-3.0-or-later
"""Collections and their items."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from typing_extensions import override

from debusine.db.models.artifact import Artifact
from debusine.db.models.user import User
from debusine.db.models.work_request import WorkRequest
from debusine.db.models.workspace import Workspace


class Collection(models.Model):
    """A named set of artifacts, collections or bare data."""

    name = models.CharField(max_length=255)
    category = models.CharField(max_length=255)
    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="collections")
    full_history_retention_period = models.DurationField(null=True)
    metadata_only_retention_period = models.DurationField(null=True)
    data = models.JSONField(default=dict)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "category", "name"], name="collection_name"
            ),
        ]

    @override
    def __str__(self) -> str:
        return f"{self.name}@{self.category}"


class ItemType(models.TextChoices):
    """What an item is."""

    BARE = "bare"
    ARTIFACT = "artifact"
    COLLECTION = "collection"


class CollectionItem(models.Model):
    """Something in a collection; removed ones stay as history."""

    collection = models.ForeignKey(Collection, models.CASCADE, related_name="items")
    name = models.CharField(max_length=255)
    child_type = models.CharField(max_length=16, choices=ItemType.choices)
    category = models.CharField(max_length=255)
    artifact = models.ForeignKey(
        Artifact, models.PROTECT, null=True, related_name="collection_items"
    )
    child_collection = models.ForeignKey(
        Collection, models.PROTECT, null=True, related_name="in_collections"
    )
    data = models.JSONField(default=dict)
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_by_work_request = models.ForeignKey(
        WorkRequest, models.SET_NULL, null=True, related_name="+"
    )
    removed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["collection", "name"],
                name="collection_item_active_name",
                condition=Q(removed_at=None),
            ),
        ]

    @override
    def __str__(self) -> str:
        return self.name
