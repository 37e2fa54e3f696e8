# SPDX-License-Identifier: GPL-3.0-or-later
"""Roles that groups have, and grants that tokens have."""

from __future__ import annotations

from django.db import models
from typing_extensions import override

from debusine.db.models.collection import Collection
from debusine.db.models.group import Group
from debusine.db.models.scope import Scope
from debusine.db.models.user import Token, User
from debusine.db.models.workspace import Workspace


class ScopeRole(models.Model):
    """What a group is in a scope: ``owner``, ``observer`` or ``aware``."""

    resource = models.ForeignKey(Scope, models.CASCADE, related_name="roles", db_index=False)
    group = models.ForeignKey(Group, models.CASCADE, related_name="scope_roles")
    role = models.CharField(max_length=16)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["resource", "group", "role"], name="scope_role"),
        ]

    @override
    def __str__(self) -> str:
        return f"{self.group_id}: {self.role} of scope {self.resource_id}"


class WorkspaceRole(models.Model):
    """What a group is in a workspace: ``owner``, ``contributor`` or ``viewer``."""

    resource = models.ForeignKey(Workspace, models.CASCADE, related_name="roles", db_index=False)
    group = models.ForeignKey(Group, models.CASCADE, related_name="workspace_roles")
    role = models.CharField(max_length=16)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["resource", "group", "role"], name="workspace_role"),
        ]

    @override
    def __str__(self) -> str:
        return f"{self.group_id}: {self.role} of workspace {self.resource_id}"


class CollectionRole(models.Model):
    """What a group is to a collection: ``owner`` or ``viewer``."""

    resource = models.ForeignKey(Collection, models.CASCADE, related_name="roles", db_index=False)
    group = models.ForeignKey(Group, models.CASCADE, related_name="collection_roles")
    role = models.CharField(max_length=16)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["resource", "group", "role"], name="collection_role"),
        ]

    @override
    def __str__(self) -> str:
        return f"{self.group_id}: {self.role} of collection {self.resource_id}"


class CollectionTokenGrant(models.Model):
    """What a token with explicit grants only is to a collection: ``owner`` or ``viewer``."""

    token = models.ForeignKey(Token, models.CASCADE, related_name="grants", db_index=False)
    collection = models.ForeignKey(Collection, models.CASCADE, related_name="token_grants")
    role = models.CharField(max_length=16)
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["token", "collection", "role"], name="collection_token_grant"
            ),
        ]

    @override
    def __str__(self) -> str:
        return f"{self.token_id}: {self.role} of collection {self.collection_id}"
