# SPDX-License-Identifier: GPL-3.0-or-later
"""Attempts: one try of a work request on one worker."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from typing_extensions import override

from debusine.db.models.work_request import WorkRequest
from debusine.db.models.worker import Worker


class Attempt(models.Model):
    """
    One try of a work request.

    ``token_hash`` stays after the token is gone, so that a report that arrives
    twice is recognised. ``outcome`` is empty while running, then a result,
    ``aborted`` or ``lost``. ``reason`` says why for people, ``blame`` whose fault it is.
    """

    work_request = models.ForeignKey(WorkRequest, models.CASCADE, related_name="attempts")
    number = models.PositiveIntegerField()
    worker = models.ForeignKey(
        Worker, models.SET_NULL, null=True, related_name="attempts", db_index=False
    )
    token_hash = models.CharField(max_length=64, unique=True)
    started_at = models.DateTimeField()
    lease_until = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=32, default="", blank=True)
    blame = models.CharField(max_length=16, default="", blank=True)
    reason = models.TextField(default="", blank=True)
    log_size_bytes = models.BigIntegerField(default=0)
    statistics = models.JSONField(null=True)
    # what it did, see domain.action_key; empty if that cannot be told
    action_key = models.CharField(max_length=64, default="", blank=True)
    # how many complete artifacts the request had when this one succeeded; null: not counted
    artifact_count = models.PositiveIntegerField(null=True)
    # why it came to nothing, see domain.retry; empty for the end of the request
    lost_by = models.CharField(max_length=32, default="", blank=True)
    # what comes after it, for people
    next_step = models.CharField(max_length=200, default="", blank=True)
    # what of the worker is kept for it
    memory_mib = models.PositiveIntegerField(default=0)
    disk_mib = models.PositiveIntegerField(default=0)
    cpu_count = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["work_request", "number"], name="attempt_number"),
        ]
        indexes = [
            models.Index(fields=["worker", "ended_at"], name="attempt_worker"),
            models.Index(fields=["lease_until"], name="attempt_lease", condition=Q(ended_at=None)),
            models.Index(fields=["action_key"], name="attempt_action", condition=~Q(action_key="")),
        ]

    @override
    def __str__(self) -> str:
        return f"{self.work_request_id}#{self.number}"
