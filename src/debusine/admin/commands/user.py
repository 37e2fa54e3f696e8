# SPDX-License-Identifier: GPL-3.0-or-later
"""``debusine-admin user``: make accounts of people, and list them."""

from __future__ import annotations

import click

from debusine.admin.output import print_records, yaml_option
from debusine.admin.places import user_named
from debusine.db.models import User
from debusine.server.actions.create_user import change_email, create_user
from debusine.server.actor import SYSTEM
from debusine.wire.base import to_wire_time

EXAMPLES = """
Examples:

\b
  debusine-admin user create alice alice@example.org
  debusine-admin user change-email alice alice@example.org
"""


@click.group("user", epilog=EXAMPLES)
def command() -> None:
    """Make accounts of people, and list them."""


@command.command("create")
@click.argument("name")
@click.argument("email")
def create(name: str, email: str) -> None:
    """Make an account, and print its random password."""
    _, password = create_user(SYSTEM, name=name, email=email)
    click.echo(password)


@command.command("change-email")
@click.argument("name")
@click.argument("email")
def change(name: str, email: str) -> None:
    """Give a user another address."""
    change_email(SYSTEM, user=user_named(name), email=email)


@command.command("list")
@yaml_option
def list_(*, as_yaml: bool) -> None:
    """List people."""
    records = [
        {
            "username": row.username,
            "email": row.email,
            "date_joined": to_wire_time(row.date_joined),
            "active": row.is_active,
            "administrator": row.is_superuser,
        }
        for row in User.objects.filter(is_system=False).order_by("username")
    ]
    print_records(records, as_yaml=as_yaml)
