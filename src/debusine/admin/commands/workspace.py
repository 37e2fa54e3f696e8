# SPDX-License-Identifier: GPL-3.0-or-later
"""``debusine-admin workspace``: make workspaces, change them, and give roles in them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import click

from debusine.admin.output import print_records, yaml_option
from debusine.admin.places import group_named, scope_named, split_workspace, workspace_named
from debusine.db.models import Workspace
from debusine.server.actions.create_workspace import ensure_workspace, rename_workspace
from debusine.server.actions.grant_role import grant_role, revoke_role, roles_on
from debusine.server.actor import SYSTEM
from debusine.util.clock import SystemClock

EXAMPLES = """
Examples:

\b
  debusine-admin workspace create debian/developers Developers --public
  debusine-admin workspace define debian/developers --default-expiration-delay 90
  debusine-admin workspace grant_role debian/developers contributor debian/Members

A workspace WS is SCOPE/NAME, or NAME in the default scope.
"""

_MAX_DAYS = 100_000
_clock = SystemClock()


@click.group("workspace", epilog=EXAMPLES)
def command() -> None:
    """Make workspaces, change them, and give roles in them."""


def _definition(function: Callable[..., Any]) -> Callable[..., Any]:
    """Options of both spellings of the same command."""
    for decorate in (
        click.option(
            "--no-singleton-collections",
            is_flag=True,
            help="Make none of the collections of which each has one.",
        ),
        click.option(
            "--default-expiration-delay",
            "days",
            type=click.IntRange(0, _MAX_DAYS),
            metavar="DAYS",
            help="When artifacts and requests go, 0 for never; 30 at first.",
        ),
        click.option("--public/--private", default=None, help="Who may see it; private at first."),
        click.argument("owners", required=False, metavar="[OWNERS_GROUP]"),
        click.argument("workspace", metavar="WS"),
    ):
        function = decorate(function)
    return function


@command.command("create")
@_definition
def create(**options: Any) -> None:
    """Make a workspace; the same as define."""
    _define(**options)


@command.command("define")
@_definition
def define(**options: Any) -> None:
    """Make a workspace, or change what is given of one. Its owners are a group of the scope."""
    _define(**options)


def _define(
    *,
    workspace: str,
    owners: str | None,
    public: bool | None,
    days: int | None,
    no_singleton_collections: bool,
) -> None:
    scope_name, name = split_workspace(workspace)
    scope = scope_named(scope_name)
    ensure_workspace(
        SYSTEM,
        scope=scope,
        name=name,
        now=_clock.now(),
        public=public,
        default_expiration=None if days is None else timedelta(days=days),
        owners=None if owners is None else group_named(f"{scope}/{owners}"),
        with_singletons=not no_singleton_collections,
    )


@command.command("rename")
@click.argument("workspace", metavar="WS")
@click.argument("new_name")
def rename(workspace: str, new_name: str) -> None:
    """Rename a workspace; addresses with the old name end."""
    rename_workspace(SYSTEM, workspace=workspace_named(workspace), name=new_name)


@command.command("list")
@click.argument("scope", required=False)
@yaml_option
def list_(*, scope: str | None, as_yaml: bool) -> None:
    """List workspaces, of one scope or of all."""
    rows = Workspace.objects.select_related("scope").order_by("scope__name", "name")
    if scope is not None:
        rows = rows.filter(scope=scope_named(scope))
    print_records([_record(row) for row in rows], as_yaml=as_yaml)


@command.command("list_roles")
@click.argument("workspace", metavar="WS")
@yaml_option
def list_roles(*, workspace: str, as_yaml: bool) -> None:
    """List which groups have which role in a workspace."""
    found = roles_on(workspace_named(workspace))
    print_records([{"role": role, "group": str(group)} for role, group in found], as_yaml=as_yaml)


@command.command("grant_role")
@click.argument("workspace", metavar="WS")
@click.argument("role")
@click.argument("groups", nargs=-1, required=True, metavar="GROUP...")
def grant(workspace: str, role: str, groups: tuple[str, ...]) -> None:
    """Give groups a role in a workspace: owner, contributor or viewer."""
    place = workspace_named(workspace)
    for group in groups:
        grant_role(SYSTEM, place=place, role=role, group=group_named(_in_scope(place, group)))


@command.command("revoke_role")
@click.argument("workspace", metavar="WS")
@click.argument("role")
@click.argument("groups", nargs=-1, required=True, metavar="GROUP...")
def revoke(workspace: str, role: str, groups: tuple[str, ...]) -> None:
    """Take a role in this workspace from groups; what they are elsewhere stays."""
    place = workspace_named(workspace)
    for group in groups:
        revoke_role(SYSTEM, place=place, role=role, group=group_named(_in_scope(place, group)))


def _in_scope(place: Workspace, group: str) -> str:
    """Read a name without a scope as one of the workspace's scope."""
    return group if "/" in group else f"{place.scope}/{group}"


def _record(row: Workspace) -> dict[str, object]:
    delay = row.default_expiration_delay
    return {
        "name": str(row),
        "public": row.public,
        "default_expiration_delay": delay.days if delay is not None else 0,
    }
