# SPDX-License-Identifier: GPL-3.0-or-later
"""Events: what happened, once each, in an order that readers can resume from."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from typing_extensions import override

from debusine.db.models.work_request import WorkRequest
from debusine.db.models.workspace import Workspace


class Event(models.Model):
    """
    Something that happened, written in the transaction in which it did (outbox).

    ``position`` is the cursor of readers. It is given after the commit, under the lock
    of the one :class:`EventCounter`, as ids of rows are not committed in their order.
    """

    position = models.BigIntegerField(null=True, unique=True)
    kind = models.CharField(max_length=64)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="+", db_index=False)
    # an event outlives what it is about, and keeps its number
    work_request = models.ForeignKey(
        WorkRequest,
        models.DO_NOTHING,
        null=True,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    created_at = models.DateTimeField()
    data = models.JSONField(default=dict)

    class Meta:
        indexes = [
            models.Index(fields=["workspace", "position"], name="event_workspace"),
            models.Index(fields=["id"], name="event_new", condition=Q(position=None)),
        ]

    @override
    def __str__(self) -> str:
        return f"{self.position} {self.kind}"


class EventCounter(models.Model):
    """The one row that says which position was given last; those up to ``removed`` are gone."""

    last = models.BigIntegerField(default=0)
    removed = models.BigIntegerField(default=0)

    @override
    def __str__(self) -> str:
        return f"{self.removed} {self.last}"


class EventReader(models.Model):
    """How far a reader of our own has come."""

    name = models.CharField(max_length=32, unique=True)
    position = models.BigIntegerField(default=0)

    @override
    def __str__(self) -> str:
        return f"{self.name} {self.position}"
