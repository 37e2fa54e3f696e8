# SPDX-License-Identifier: GPL-3.0-or-later
"""Enrolments: clients that wait until somebody lets them in."""

from __future__ import annotations

from django.db import models
from typing_extensions import override

from debusine.db.models.user import User


class Enrolment(models.Model):
    """
    A client that waits, on an open connection; gone once it has its answer.

    ``outcome`` is empty until ``user`` has decided. The key that the client gets is made
    when it is sent, and never stored.
    """

    nonce = models.CharField(max_length=64, unique=True)
    challenge = models.CharField(max_length=100)
    scope = models.CharField(max_length=255)
    hostname = models.CharField(max_length=255)
    created_at = models.DateTimeField()
    outcome = models.CharField(max_length=8, blank=True)
    user = models.ForeignKey(User, models.CASCADE, null=True, related_name="+")

    @override
    def __str__(self) -> str:
        return f"{self.hostname} ({self.nonce})"
