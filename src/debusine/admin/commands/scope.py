# SPDX-License-Identifier: GPL-3.0-or-later
"""``debusine-admin scope``: make scopes, rename and show them, and give roles in them."""

from __future__ import annotations

import click

from debusine.admin.output import print_records, yaml_option
from debusine.admin.places import group_named, scope_named
from debusine.db.models import Scope
from debusine.server.actions.create_scope import ensure_scope, rename_scope
from debusine.server.actions.grant_role import grant_role, revoke_role, roles_on
from debusine.server.actor import SYSTEM
from debusine.server.groups import OWNERS
from debusine.util.clock import SystemClock

EXAMPLES = """
Examples:

\b
  debusine-admin scope create debian --label Debian
  debusine-admin scope create secret --private --with-owners-group Admins
  debusine-admin scope grant_role debian observer debian/Auditors
"""

_clock = SystemClock()


@click.group("scope", epilog=EXAMPLES)
def command() -> None:
    """Make scopes, rename and show them, and give roles in them."""


@command.command("create")
@click.argument("name")
@click.option("--with-owners-group", "owners", default=OWNERS, metavar="N", help="Who owns it.")
@click.option("--label", help="What people read.")
@click.option("--icon", help="Path of an icon below the static files.")
@click.option("--public/--private", default=None, help="Who may see it: all, or its members.")
def create(
    *, name: str, owners: str, label: str | None, icon: str | None, public: bool | None
) -> None:
    """Make a scope with its groups; run again, it changes what is given."""
    ensure_scope(
        SYSTEM,
        name=name,
        now=_clock.now(),
        label=label,
        icon=icon,
        public=public,
        owners=owners,
    )


@command.command("rename")
@click.argument("name")
@click.argument("new_name")
def rename(name: str, new_name: str) -> None:
    """Rename a scope; addresses with the old name end."""
    rename_scope(SYSTEM, scope=scope_named(name), name=new_name)


@command.command("show")
@click.argument("name")
@yaml_option
def show(*, name: str, as_yaml: bool) -> None:
    """Show a scope."""
    print_records([_record(scope_named(name))], as_yaml=as_yaml)


@command.command("list")
@yaml_option
def list_(*, as_yaml: bool) -> None:
    """List scopes."""
    print_records([_record(row) for row in Scope.objects.order_by("name")], as_yaml=as_yaml)


@command.command("list_roles")
@click.argument("name")
@yaml_option
def list_roles(*, name: str, as_yaml: bool) -> None:
    """List which groups have which role in a scope."""
    found = roles_on(scope_named(name))
    print_records([{"role": role, "group": str(group)} for role, group in found], as_yaml=as_yaml)


@command.command("grant_role")
@click.argument("name")
@click.argument("role")
@click.argument("groups", nargs=-1, required=True, metavar="GROUP...")
def grant(name: str, role: str, groups: tuple[str, ...]) -> None:
    """Give groups a role in a scope: owner, observer or aware."""
    place = scope_named(name)
    for group in groups:
        grant_role(SYSTEM, place=place, role=role, group=group_named(group))


@command.command("revoke_role")
@click.argument("name")
@click.argument("role")
@click.argument("groups", nargs=-1, required=True, metavar="GROUP...")
def revoke(name: str, role: str, groups: tuple[str, ...]) -> None:
    """Take a role in a scope from groups."""
    place = scope_named(name)
    for group in groups:
        revoke_role(SYSTEM, place=place, role=role, group=group_named(group))


def _record(scope: Scope) -> dict[str, object]:
    return {
        "name": scope.name,
        "label": scope.label,
        "icon": scope.icon,
        "public": scope.public,
    }
