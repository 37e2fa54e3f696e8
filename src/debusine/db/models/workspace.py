# SPDX-License-Identifier: GPL-3.0-or-later
"""Workspaces: where requests, artifacts and collections live."""

from __future__ import annotations

from django.db import models
from typing_extensions import override

from debusine.db.models.scope import Scope


class Workspace(models.Model):
    """Where requests, artifacts and collections live."""

    scope = models.ForeignKey(Scope, models.PROTECT, related_name="workspaces")
    name = models.CharField(max_length=255)
    public = models.BooleanField(default=False)
    default_expiration_delay = models.DurationField(null=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["scope", "name"], name="workspace_scope_name"),
        ]

    @override
    def __str__(self) -> str:
        return f"{self.scope.name}/{self.name}"
