# SPDX-License-Identifier: GPL-3.0-or-later
"""Notification channels: how people are told."""

from __future__ import annotations

from django.db import models
from typing_extensions import override


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
