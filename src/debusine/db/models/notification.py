# SPDX-License-Identifier: GPL-3.0-or-later
"""Notification channels: how people are told."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from typing_extensions import override

from debusine.db.models.delivery import Delivery
from debusine.db.models.event import Event


class NotificationChannel(models.Model):
    """
    A way to tell people, by the name under which reactions use it.

    ``data`` is what its method needs; for ``email``: ``from``, ``to``, ``cc``, ``subject``.
    """

    name = models.CharField(max_length=20, unique=True)
    method = models.CharField(max_length=16, default="email")
    data = models.JSONField(default=dict)

    @override
    def __str__(self) -> str:
        return self.name


class Notification(Delivery):
    """
    One reaction to one event: by ``channel``, whose data ``data`` overrides.

    ``number`` counts those of the event.
    """

    event = models.ForeignKey(Event, models.CASCADE, related_name="+", db_index=False)
    number = models.PositiveIntegerField()
    channel = models.CharField(max_length=20)
    data = models.JSONField(default=dict)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["event", "number"], name="notification_once"),
        ]
        indexes = [
            models.Index(
                fields=["due_at"], name="notification_due", condition=Q(due_at__isnull=False)
            ),
        ]

    @override
    def __str__(self) -> str:
        return f"{self.event_id} {self.channel}"
