# SPDX-License-Identifier: GPL-3.0-or-later
"""Webhooks: addresses outside that are told what happened."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from typing_extensions import override

from debusine.db.models.event import Event
from debusine.db.models.user import User
from debusine.db.models.workspace import Workspace


class Webhook(models.Model):
    """
    An address that gets the events of a workspace.

    ``secret`` signs what is sent and never passes the API again. ``kinds`` is empty for
    every kind of event. Events up to ``position`` have deliveries, if any are due.
    """

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="webhooks")
    name = models.CharField(max_length=100)
    url = models.CharField(max_length=2000)
    secret = models.CharField(max_length=128)
    kinds = models.JSONField(default=list)
    enabled = models.BooleanField(default=True)
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField()
    position = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "name"], name="webhook_name"),
        ]

    @override
    def __str__(self) -> str:
        return self.name


class WebhookDelivery(models.Model):
    """One event for one webhook: due, delivered or given up."""

    webhook = models.ForeignKey(Webhook, models.CASCADE, related_name="deliveries")
    event = models.ForeignKey(Event, models.CASCADE, related_name="deliveries")
    tries = models.PositiveIntegerField(default=0)
    # null once nothing more is tried
    due_at = models.DateTimeField(null=True)
    delivered_at = models.DateTimeField(null=True)
    status = models.PositiveIntegerField(null=True)
    error = models.TextField(default="", blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["webhook", "event"], name="webhook_delivery_once"),
        ]
        indexes = [
            models.Index(
                fields=["due_at"], name="webhook_delivery_due", condition=Q(due_at__isnull=False)
            ),
        ]

    @override
    def __str__(self) -> str:
        return f"{self.webhook_id} {self.event_id}"
