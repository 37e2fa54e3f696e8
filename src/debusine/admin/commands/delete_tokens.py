# SPDX-License-Identifier: GPL-3.0-or-later
"""``debusine-admin delete_tokens``: delete tokens of people."""

from __future__ import annotations

import click
from django.db.models import QuerySet

from debusine.admin.output import print_records
from debusine.admin.tokens import find_tokens, select_options, token_record
from debusine.db.models import Token
from debusine.errors import NotFoundError
from debusine.server.actions.change_token import delete_tokens
from debusine.server.actor import SYSTEM

EXAMPLES = """
Examples:

\b
  debusine-admin delete_tokens --username alice
  debusine-admin delete_tokens --token KEY --yes
"""


@click.command("delete_tokens", epilog=EXAMPLES)
@select_options
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--force", is_flag=True, help="Do not complain if there is none.")
def command(*, username: str | None, key: str | None, yes: bool, force: bool) -> None:
    """Delete tokens; who shows one is nobody from now on."""
    tokens = list(_wanted(username=username, key=key))
    _check(count=len(tokens), force=force)
    if not tokens:
        return
    print_records([token_record(token) for token in tokens], as_yaml=False)
    if not yes:
        click.confirm(f"Delete {len(tokens)} tokens?", abort=True)
    delete_tokens(SYSTEM, tokens=tokens)


def _wanted(*, username: str | None, key: str | None) -> QuerySet[Token]:
    """
    Find what is to go.

    :raises click.UsageError: if nothing says which
    """
    if username is None and key is None:
        raise click.UsageError("give --username or --token")
    return find_tokens(username=username, key=key)


def _check(*, count: int, force: bool) -> None:
    """
    Complain about nothing.

    :raises NotFoundError: if there is no such token, unless that is fine
    """
    if not count and not force:
        raise NotFoundError("there is no such token")
