# SPDX-License-Identifier: GPL-3.0-or-later
"""Workers: machines that run tasks."""

from __future__ import annotations

from django.db import models
from typing_extensions import override

from debusine.db.models.user import Token


class WorkerType(models.TextChoices):
    """Which tasks a worker takes."""

    EXTERNAL = "external"
    SIGNING = "signing"
    CELERY = "celery"
    SCHEDULER = "scheduler"


class Worker(models.Model):
    """A machine that runs tasks."""

    name = models.SlugField(max_length=255, unique=True)
    worker_type = models.CharField(
        max_length=16, choices=WorkerType.choices, default=WorkerType.EXTERNAL
    )
    token = models.OneToOneField(Token, models.PROTECT, null=True, related_name="worker")
    activation_token = models.OneToOneField(
        Token, models.SET_NULL, null=True, related_name="activating_worker"
    )
    registered_at = models.DateTimeField()
    connected_at = models.DateTimeField(null=True)
    disconnected_at = models.DateTimeField(null=True)
    # the agent's own identification: features it understands, empty for 0.16
    features = models.JSONField(default=list)
    # of our agent's program; empty for 0.16
    version = models.CharField(max_length=100, default="", blank=True)
    static_metadata = models.JSONField(default=dict)
    dynamic_metadata = models.JSONField(default=dict)
    dynamic_metadata_updated_at = models.DateTimeField(null=True)
    # sorted; recomputed whenever metadata change
    provided_tags = models.JSONField(default=list)
    required_tags = models.JSONField(default=list)
    # who says what: provided, required (by provenance), withheld, dropped
    tag_sources = models.JSONField(default=dict)
    # the same for all workers that can do the same
    capability_key = models.CharField(max_length=64, default="", blank=True)
    concurrency = models.PositiveIntegerField(default=1)
    # what it offers to all its slots together; null: it does not say
    memory_mib = models.PositiveIntegerField(null=True)
    disk_mib = models.PositiveIntegerField(null=True)
    cpu_count = models.PositiveIntegerField(null=True)
    # set while it gets nothing new
    drained_at = models.DateTimeField(null=True)
    drain_reason = models.CharField(max_length=200, default="", blank=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["capability_key", "id"],
                name="worker_kind",
                condition=models.Q(connected_at__isnull=False),
            ),
        ]

    @override
    def __str__(self) -> str:
        return self.name
