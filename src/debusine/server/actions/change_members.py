# SPDX-License-Identifier: GPL-3.0-or-later
"""Say who is in a group."""

from __future__ import annotations

from datetime import datetime

from debusine.db.models import Group, GroupMembership, MemberRole, Scope, User
from debusine.domain.permission import Verb
from debusine.errors import ConflictError
from debusine.server.access import require
from debusine.server.action import action
from debusine.server.actor import Actor
from debusine.server.groups import member_change, members_of, note_change


@action
def add_member(  # noqa: PLR0913  each is a fact of its own
    actor: Actor,
    *,
    group: Group,
    user: User,
    now: datetime,
    role: MemberRole = MemberRole.MEMBER,
    to_scope: bool = False,
) -> None:
    """
    Put somebody into a group.

    :param to_scope: whether to make them a member of the scope first
    :raises PermissionDeniedError: unless somebody asks who manages the group; who adds to
        the scope has to manage its members
    :raises ConflictError: if they are in it already, or are no member of the scope
    """
    members = members_of(group.scope)
    if to_scope:
        require(actor, Verb.MANAGE_MEMBERS, group.scope)
    elif group == members:
        raise ConflictError(f"Only who manages {group.scope} adds to its members")
    if group != members:
        require(actor, Verb.MANAGE_GROUP, group)
        if to_scope:
            _add(actor, members, user, MemberRole.MEMBER, now=now)
        elif not members.memberships.filter(user=user).exists():
            raise ConflictError(f"{user.username} is no member of {group.scope}")
    if not _add(actor, group, user, role, now=now):
        raise ConflictError(f"{user.username} is in {group} already")


@action
def set_member_role(
    actor: Actor, *, group: Group, user: User, role: MemberRole, now: datetime
) -> None:
    """
    Say what somebody is in a group.

    :raises PermissionDeniedError: unless somebody asks who manages the group
    :raises ConflictError: if they are not in it
    """
    require(actor, Verb.MANAGE_GROUP, group)
    if not group.memberships.filter(user=user).update(role=role):
        raise ConflictError(f"{user.username} is not in {group}")
    note_change(actor, group, "set_role", now=now, **member_change(user, role))


@action
def remove_member(actor: Actor, *, group: Group, user: User, now: datetime) -> None:
    """
    Take somebody out of a group.

    :raises PermissionDeniedError: unless somebody asks who manages the group
    :raises ConflictError: if they are not in it, or if it is the list of a scope's members
    """
    if group.system:
        raise ConflictError(f"{group} is left by leaving {group.scope}")
    require(actor, Verb.MANAGE_GROUP, group)
    if not group.memberships.filter(user=user).delete()[0]:
        raise ConflictError(f"{user.username} is not in {group}")
    note_change(actor, group, "del_user", now=now, **member_change(user))


@action
def leave_scope(actor: Actor, *, scope: Scope, user: User, now: datetime) -> None:
    """
    Take somebody out of every group of a scope.

    :raises PermissionDeniedError: unless somebody asks who manages the members
    :raises ConflictError: if they are in none
    """
    require(actor, Verb.MANAGE_MEMBERS, scope)
    memberships = GroupMembership.objects.filter(user=user, group__scope=scope)
    found = list(memberships.select_related("group"))
    if not found:
        raise ConflictError(f"{user.username} is no member of {scope}")
    for membership in found:
        note_change(actor, membership.group, "del_user", now=now, **member_change(user))
    memberships.delete()


def _add(actor: Actor, group: Group, user: User, role: MemberRole, *, now: datetime) -> bool:
    _, is_new = GroupMembership.objects.get_or_create(
        group=group, user=user, defaults={"role": role}
    )
    if is_new:
        note_change(actor, group, "add_user", now=now, **member_change(user, role))
    return is_new
