# SPDX-License-Identifier: GPL-3.0-or-later
"""Shares: how much of the workers a user or a workspace has had lately."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from typing_extensions import override

from debusine.db.models.user import User
from debusine.db.models.workspace import Workspace


class Share(models.Model):
    """
    What one user, or one workspace, is entitled to and has used.

    ``used_s`` are slot-seconds at ``updated_s``, seconds since 1970; they fade with time, see
    :mod:`debusine.domain.fair_share`.
    """

    user = models.OneToOneField(User, models.CASCADE, null=True, related_name="share")
    workspace = models.OneToOneField(Workspace, models.CASCADE, null=True, related_name="share")
    weight = models.FloatField(default=1.0)
    used_s = models.FloatField(default=0.0)
    updated_s = models.FloatField(default=0.0)

    class Meta:
        indexes = [
            models.Index(fields=["-updated_s"], name="share_user", condition=Q(user__isnull=False)),
            models.Index(
                fields=["-updated_s"],
                name="share_workspace",
                condition=Q(workspace__isnull=False),
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(user__isnull=True) ^ Q(workspace__isnull=True), name="share_of_one"
            ),
        ]

    @override
    def __str__(self) -> str:
        return f"{self.user_id or self.workspace_id}: {self.used_s}"
