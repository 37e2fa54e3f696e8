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

_ACTIVE = Q(removed_at=None)


class Retains(models.TextChoices):
    """When the artifacts of a collection are kept."""

    NEVER = "never"
    WORKFLOW = "workflow"
    ALWAYS = "always"


class Collection(models.Model):
    """A named set of artifacts, collections or bare data."""

    name = models.CharField(max_length=255)
    category = models.CharField(max_length=255)
    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="collections")
    full_history_retention_period = models.DurationField(null=True)
    metadata_only_retention_period = models.DurationField(null=True)
    retains_artifacts = models.CharField(
        max_length=8, choices=Retains.choices, default=Retains.ALWAYS
    )
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


_SPARSE = [
    models.Index(fields=[name], name=f"item_{name}"[:30], condition=Q(**{f"{name}__isnull": False}))
    for name in (
        "superseded_by",
        "superseded_by_work_request",
        "removed_by",
        "removed_by_work_request",
    )
]


class ItemType(models.TextChoices):
    """What an item is."""

    BARE = "bare"
    ARTIFACT = "artifact"
    COLLECTION = "collection"


class CollectionItem(models.Model):
    """
    Something in a collection; removed ones stay as history.

    Lookups of a category find items by ``key``, the newest of them by ``rank``: bytes
    that compare as versions or moments do. What tells of a work request has its number
    in ``about``, also when the request is gone.
    """

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
    key = models.CharField(max_length=1024, default="", blank=True)
    rank = models.BinaryField(default=b"", blank=True)
    about = models.BigIntegerField(null=True)
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_by_work_request = models.ForeignKey(
        WorkRequest, models.SET_NULL, null=True, related_name="+"
    )
    superseded_at = models.DateTimeField(null=True)
    superseded_by = models.ForeignKey(
        User, models.SET_NULL, null=True, related_name="+", db_index=False
    )
    superseded_by_work_request = models.ForeignKey(
        WorkRequest, models.SET_NULL, null=True, related_name="+", db_index=False
    )
    removed_at = models.DateTimeField(null=True)
    removed_by = models.ForeignKey(
        User, models.SET_NULL, null=True, related_name="+", db_index=False
    )
    removed_by_work_request = models.ForeignKey(
        WorkRequest, models.SET_NULL, null=True, related_name="+", db_index=False
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["collection", "name"],
                name="collection_item_active_name",
                condition=_ACTIVE,
            ),
        ]
        indexes = [
            # by how names begin; PostgreSQL compares them in the order of a language otherwise
            models.Index(
                fields=["collection", "name"],
                name="collection_item_prefix",
                opclasses=["int8_ops", "varchar_pattern_ops"],
                condition=_ACTIVE,
            ),
            models.Index(
                fields=["collection", "key", "rank", "id"],
                name="collection_item_newest",
                opclasses=["int8_ops", "varchar_pattern_ops", "bytea_ops", "int8_ops"],
                condition=_ACTIVE,
            ),
            models.Index(
                fields=["collection", "category", "id"],
                name="collection_item_category",
                condition=_ACTIVE,
            ),
            models.Index(
                fields=["collection", "about"],
                name="collection_item_about",
                condition=_ACTIVE & Q(about__isnull=False),
            ),
            # of few items, for when what they name is deleted
            *_SPARSE,
        ]

    @override
    def __str__(self) -> str:
        return self.name


class ItemConstraint(models.Model):
    """
    What may have only one value in a collection, such as the content of a file in a pool.

    ``item_id`` is a number only: a constraint may outlive its item.
    """

    collection = models.ForeignKey(
        Collection, models.CASCADE, related_name="constraints", db_index=False
    )
    name = models.CharField(max_length=64)
    key = models.CharField(max_length=1024)
    value = models.CharField(max_length=255)
    item_id = models.BigIntegerField(db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["collection", "name", "key", "item_id"], name="item_constraint_once"
            ),
        ]

    @override
    def __str__(self) -> str:
        return f"{self.name} {self.key}"


class CollectionRelation(models.Model):
    """One collection that another is based on; ``position`` counts from 1 where order matters."""

    source = models.ForeignKey(Collection, models.CASCADE, related_name="relations", db_index=False)
    target = models.ForeignKey(Collection, models.CASCADE, related_name="targeted_by")
    type = models.CharField(max_length=32)
    position = models.PositiveIntegerField(null=True)
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["source", "type", "target"], name="collection_relation_once"
            ),
            models.UniqueConstraint(
                fields=["source", "type", "position"], name="collection_relation_position"
            ),
        ]

    @override
    def __str__(self) -> str:
        return f"{self.source_id} {self.type} {self.target_id}"
