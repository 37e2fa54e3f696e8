# SPDX-License-Identifier: GPL-3.0-or-later
"""Environments that are kept after a task, and terminals that people open in them."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from typing_extensions import override

from debusine.db.models.user import User
from debusine.db.models.work_request import WorkRequest
from debusine.db.models.worker import Worker


class Hold(models.Model):
    """
    Somebody wants the environment of a request kept, or a worker keeps it.

    It is wanted until ``held_at``, kept until ``ended_at``; ``reason`` says why it ended. Of a
    request, one at most is open.
    """

    work_request = models.ForeignKey(WorkRequest, models.CASCADE, related_name="holds")
    requested_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    requested_at = models.DateTimeField()
    # see domain.hold
    condition = models.CharField(max_length=16)
    duration = models.DurationField()
    worker = models.ForeignKey(
        Worker, models.SET_NULL, null=True, related_name="holds", db_index=False
    )
    held_at = models.DateTimeField(null=True)
    until = models.DateTimeField(null=True)
    # whether what runs in it reaches the worker's network
    network = models.BooleanField(default=False)
    release_requested_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    reason = models.CharField(max_length=400, default="", blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["work_request"], name="hold_open", condition=Q(ended_at=None)
            ),
        ]
        indexes = [
            models.Index(fields=["worker"], name="hold_worker", condition=Q(ended_at=None)),
        ]

    @override
    def __str__(self) -> str:
        return f"{self.work_request_id} until {self.until}"


class Terminal(models.Model):
    """
    A terminal that somebody opened in a kept environment: who, when, how long.

    What was shown in it is a log of its own, see :mod:`debusine.server.terminal_log`.
    """

    hold = models.ForeignKey(Hold, models.CASCADE, related_name="terminals")
    user = models.ForeignKey(User, models.PROTECT, related_name="+")
    is_root = models.BooleanField(default=False)
    command = models.JSONField(default=list)
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)
    exit_code = models.IntegerField(null=True)
    reason = models.CharField(max_length=400, default="", blank=True)

    @override
    def __str__(self) -> str:
        return f"{self.user_id} in {self.hold_id}"
