# SPDX-License-Identifier: GPL-3.0-or-later
"""What deliveries of events have in common, whatever way they take."""

from __future__ import annotations

from django.db import models


class Delivery(models.Model):
    """
    Something that is due, delivered or given up.

    ``due_at`` is null once nothing more is tried; ``history`` has what came of each try:
    ``at``, ``error``, and what the way of delivery adds.
    """

    created_at = models.DateTimeField()
    tries = models.PositiveIntegerField(default=0)
    due_at = models.DateTimeField(null=True)
    delivered_at = models.DateTimeField(null=True)
    error = models.TextField(default="", blank=True)
    history = models.JSONField(default=list)

    class Meta:
        abstract = True
