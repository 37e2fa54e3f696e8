# SPDX-License-Identifier: GPL-3.0-or-later
"""``debusine-admin create_token``: make a token for a user."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from debusine.admin.places import user_named
from debusine.errors import UserError
from debusine.server.actions.change_token import create_token
from debusine.server.actor import SYSTEM
from debusine.util.clock import SystemClock

EXAMPLES = """
Examples:

\b
  debusine-admin create_token alice --comment laptop
  debusine-admin create_token ci --expire-at 2030-01-01
"""


@click.command("create_token", epilog=EXAMPLES)
@click.argument("user")
@click.option("--comment", default="", help="What it is for.")
@click.option("--expire-at", metavar="ISO", help="When it ends; in UTC unless it says otherwise.")
def command(user: str, comment: str, expire_at: str | None) -> None:
    """Make a token for a user, and print its key, which is kept nowhere."""
    _, key = create_token(
        SYSTEM,
        user=user_named(user),
        now=SystemClock().now(),
        comment=comment,
        expire_at=None if expire_at is None else _read_time(expire_at),
    )
    click.echo(key)


def _read_time(text: str) -> datetime:
    """
    Read a time as ISO 8601 writes it.

    :raises UserError: if it is none
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise UserError(f"--expire-at: {text!r:.50} is no time such as 2030-01-01") from error
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
