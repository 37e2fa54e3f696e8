# SPDX-License-Identifier: GPL-3.0-or-later
"""Webhooks: addresses outside that are told what happened."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from typing_extensions import override

from debusine.db.models.delivery import Delivery
from debusine.db.models.event import Event
from debusine.db.models.user import User
from debusine.db.models.workspace import Workspace


class Webhook(models.Model):
    """
    An address that gets the events of a workspace after ``position``.

    ``secret`` signs what is sent and passes the API once. ``kinds`` is empty for every
    kind of event. ``due_at`` is when to look at its deliveries next.
    """

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="webhooks")
    name = models.CharField(max_length=100)
    url = models.CharField(max_length=2000)
    secret = models.CharField(max_length=128)
    kinds = models.JSONField(default=list)
    enabled = models.BooleanField(default=True)
    disabled_reason = models.CharField(max_length=255, default="", blank=True)
    # null once something was delivered
    failing_since = models.DateTimeField(null=True)
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField()
    position = models.BigIntegerField(default=0)
    due_at = models.DateTimeField(null=True)
    # until then somebody is about to send to it
    leased_until = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "name"], name="webhook_name"),
        ]
        indexes = [
            models.Index(fields=["due_at"], name="webhook_due", condition=Q(due_at__isnull=False)),
        ]

    @override
    def __str__(self) -> str:
        return self.name


class WebhookDelivery(Delivery):
    """One event for one webhook; without an event it is a test."""

    webhook = models.ForeignKey(Webhook, models.CASCADE, related_name="deliveries", db_index=False)
    event = models.ForeignKey(Event, models.CASCADE, null=True, related_name="+")
    # of the last answer
    status = models.PositiveIntegerField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["webhook", "event"], name="webhook_delivery_once"),
        ]
        indexes = [
            models.Index(
                fields=["webhook", "due_at"],
                name="webhook_delivery_due",
                condition=Q(due_at__isnull=False),
            ),
        ]

    @override
    def __str__(self) -> str:
        return f"{self.webhook_id} {self.event_id}"
