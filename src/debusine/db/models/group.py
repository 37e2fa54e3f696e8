# SPDX-License-Identifier: GPL-3.0-or-later
"""Groups of people, who is in them, and what became of them."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from typing_extensions import override

from debusine.db.models.scope import Scope
from debusine.db.models.user import User
from debusine.db.models.workspace import Workspace


class Group(models.Model):
    """
    People of a scope, or of one workspace in it.

    Roles are given to groups. A ``system`` group is the scope's list of members; an
    ``ephemeral`` one goes once it has no role left.
    """

    name = models.CharField(max_length=255)
    scope = models.ForeignKey(Scope, models.CASCADE, related_name="groups", db_index=False)
    workspace = models.ForeignKey(Workspace, models.CASCADE, null=True, related_name="groups")
    ephemeral = models.BooleanField(default=False)
    system = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["scope", "name"],
                name="group_name_in_scope",
                condition=Q(workspace__isnull=True),
            ),
            models.UniqueConstraint(
                fields=["scope", "workspace", "name"],
                name="group_name_in_workspace",
                condition=Q(workspace__isnull=False),
            ),
        ]
        indexes = [models.Index(fields=["scope"], name="group_scope")]

    @override
    def __str__(self) -> str:
        place = self.scope if self.workspace is None else self.workspace
        return f"{place}/{self.name}"


class MemberRole(models.TextChoices):
    """What somebody is in a group."""

    MEMBER = "member"
    ADMIN = "admin"


class GroupMembership(models.Model):
    """One person in one group."""

    group = models.ForeignKey(Group, models.CASCADE, related_name="memberships", db_index=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=16, choices=MemberRole.choices, default=MemberRole.MEMBER)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["group", "user"], name="group_membership"),
        ]

    @override
    def __str__(self) -> str:
        return f"{self.user_id} in {self.group_id}: {self.role}"


class GroupAuditLog(models.Model):
    """
    One change of a group.

    ``changes`` has a ``type``: ``create``, ``update``, ``add_user``, ``set_role`` or
    ``del_user``, see :mod:`debusine.domain.group`.
    """

    created_at = models.DateTimeField()
    group = models.ForeignKey(Group, models.CASCADE, related_name="audit_log")
    actor = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    changes = models.JSONField(default=dict)

    @override
    def __str__(self) -> str:
        return f"{self.group_id} at {self.created_at}"
