# SPDX-License-Identifier: GPL-3.0-or-later
"""``debusine-admin group``: make groups, and say who is in them."""

from __future__ import annotations

import click

from debusine.admin.output import print_records, yaml_option
from debusine.admin.places import group_named, place_named, split_group, user_named
from debusine.db.models import Group, MemberRole, User
from debusine.server.actions.change_group import create_group, delete_group, rename_group
from debusine.server.actions.change_members import (
    add_member,
    leave_scope,
    remove_member,
    set_member_role,
)
from debusine.server.actor import SYSTEM
from debusine.util.clock import SystemClock

EXAMPLES = """
Examples:

\b
  debusine-admin group create debian/Developers
  debusine-admin group members debian/Developers --add alice --add bob
  debusine-admin group members debian/Developers --add carol --role admin
  debusine-admin group members debian/Members --remove bob

A group is SCOPE/NAME, or SCOPE/WORKSPACE/NAME. Who is added becomes a member of the scope; who
is removed from its Members leaves all groups of the scope.
"""

_clock = SystemClock()


@click.group("group", epilog=EXAMPLES)
def command() -> None:
    """Make groups, and say who is in them."""


@command.command("list")
@click.argument("place", metavar="SCOPE[/WS]")
@click.option("--no-workspace", is_flag=True, help="Leave groups of workspaces out.")
@yaml_option
def list_(*, place: str, no_workspace: bool, as_yaml: bool) -> None:
    """List groups of a scope with its workspaces, or of one workspace."""
    scope, workspace = place_named(place)
    rows = Group.objects.select_related("scope", "workspace__scope").filter(scope=scope)
    if workspace is not None:
        rows = rows.filter(workspace=workspace)
    elif no_workspace:
        rows = rows.filter(workspace=None)
    records = [
        {"name": str(row), "ephemeral": row.ephemeral, "system": row.system}
        for row in rows.order_by("workspace__name", "name")
    ]
    print_records(records, as_yaml=as_yaml)


@command.command("create")
@click.argument("group")
def create(group: str) -> None:
    """Make a group."""
    scope, workspace, name = split_group(group)
    create_group(SYSTEM, scope=scope, workspace=workspace, name=name, now=_clock.now())


@command.command("rename")
@click.argument("group")
@click.argument("new_name")
def rename(group: str, new_name: str) -> None:
    """Rename a group."""
    rename_group(SYSTEM, group=group_named(group), name=new_name, now=_clock.now())


@command.command("delete")
@click.argument("group")
def delete(group: str) -> None:
    """Delete a group with its roles."""
    delete_group(SYSTEM, group=group_named(group))


@command.command("members")
@click.argument("group")
@click.option("--add", multiple=True, metavar="USER", help="Put them into the group.")
@click.option("--remove", multiple=True, metavar="USER", help="Take them out.")
@click.option("--set", "only", multiple=True, metavar="USER", help="Have only these in it.")
@click.option(
    "--role", type=click.Choice([role.value for role in MemberRole]), help="Of those named."
)
@yaml_option
def members(  # noqa: PLR0913  one for each option
    *,
    group: str,
    add: tuple[str, ...],
    remove: tuple[str, ...],
    only: tuple[str, ...],
    role: str | None,
    as_yaml: bool,
) -> None:
    """Say who is in a group, or show it if nothing is to change."""
    _check(sum(map(bool, (add, remove, only))))
    found = group_named(group)
    wanted = None if role is None else MemberRole(role)
    for name in (*add, *only):
        _add(found, user_named(name), wanted)
    for name in remove:
        _remove(found, user_named(name))
    if only:
        for row in found.memberships.select_related("user").exclude(user__username__in=only):
            _remove(found, row.user)
    if not (add or remove or only):
        rows = found.memberships.select_related("user").order_by("user__username")
        records = [{"username": row.user.username, "role": row.role} for row in rows]
        print_records(records, as_yaml=as_yaml)


def _check(changes: int) -> None:
    """
    Refuse what cannot be combined.

    :raises click.UsageError: if there are several kinds of changes
    """
    if changes > 1:
        raise click.UsageError("give only one of --add, --remove and --set")


def _add(group: Group, user: User, role: MemberRole | None) -> None:
    """Put somebody into a group, or give them the role there."""
    now = _clock.now()
    known = group.memberships.filter(user=user).first()
    if known is None:
        add_member(
            SYSTEM,
            group=group,
            user=user,
            now=now,
            role=role or MemberRole.MEMBER,
            to_scope=True,
        )
    elif role is not None and known.role != role:
        set_member_role(SYSTEM, group=group, user=user, role=role, now=now)


def _remove(group: Group, user: User) -> None:
    if group.system:
        leave_scope(SYSTEM, scope=group.scope, user=user, now=_clock.now())
    else:
        remove_member(SYSTEM, group=group, user=user, now=_clock.now())
