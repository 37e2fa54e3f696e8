# SPDX-License-Identifier: GPL-3.0-or-later
"""Workspaces: where requests, artifacts and collections live."""

from __future__ import annotations

from django.db import models
from typing_extensions import override

from debusine.db.models.scope import Scope


class Workspace(models.Model):
    """
    Where requests, artifacts and collections live.

    ``default_expiration_delay`` is for what has none of its own, null and 0 for never;
    with an ``expiration_delay`` the workspace itself goes, so long after its last use.
    ``description`` is Markdown.
    """

    scope = models.ForeignKey(Scope, models.PROTECT, related_name="workspaces")
    name = models.CharField(max_length=255)
    public = models.BooleanField(default=False)
    default_expiration_delay = models.DurationField(null=True)
    expiration_delay = models.DurationField(null=True)
    description = models.TextField(default="", blank=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["scope", "name"], name="workspace_scope_name"),
        ]

    @override
    def __str__(self) -> str:
        return f"{self.scope.name}/{self.name}"


class WorkspaceChain(models.Model):
    """One workspace that another inherits from; ``order`` counts from 0."""

    child = models.ForeignKey(
        Workspace, models.CASCADE, related_name="chain_parents", db_index=False
    )
    parent = models.ForeignKey(Workspace, models.CASCADE, related_name="chain_children")
    order = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["child", "parent"], name="workspace_chain_parent"),
            models.UniqueConstraint(fields=["child", "order"], name="workspace_chain_order"),
        ]

    @override
    def __str__(self) -> str:
        return f"{self.child_id} {self.order}: {self.parent_id}"
