# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows of groups: those that every scope has, and what is noted about changes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from debusine.db.models import Group, GroupAuditLog, Scope, ScopeRole, User
from debusine.domain.role import Role
from debusine.server.actor import Actor

MEMBERS = "Members"
OWNERS = "Owners"


def members_of(scope: Scope) -> Group:
    """The list of a scope's members, made if it is missing."""
    group, _ = Group.objects.get_or_create(
        scope=scope, workspace=None, name=MEMBERS, defaults={"system": True}
    )
    return group


def owners_of(scope: Scope, name: str = OWNERS) -> Group:
    """A group that owns a scope, made if it is missing."""
    group, _ = Group.objects.get_or_create(scope=scope, workspace=None, name=name)
    ScopeRole.objects.get_or_create(resource=scope, group=group, role=Role.SCOPE_OWNER.label)
    return group


def note_change(
    actor: Actor, group: Group, kind: str, *, now: datetime, **changes: Any
) -> GroupAuditLog:
    """
    Write a line of a group's audit log.

    :param kind: ``create``, ``update``, ``add_user``, ``set_role`` or ``del_user``
    :param changes: what the kind has beside the id of the actor, which is None for the server
    """
    user = actor.user
    return GroupAuditLog.objects.create(
        group=group,
        actor=user,
        created_at=now,
        changes={"type": kind, "actor": None if user is None else user.pk, **changes},
    )


def member_change(user: User, role: str | None = None) -> dict[str, Any]:
    """What a line says about a member: the id, and the role if it is about one."""
    return {"user": user.pk} if role is None else {"user": user.pk, "role": role}
