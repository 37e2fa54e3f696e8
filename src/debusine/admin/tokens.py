# SPDX-License-Identifier: GPL-3.0-or-later
"""Find tokens by whose they are, or by key."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click
from django.db.models import QuerySet

from debusine.admin.places import user_named
from debusine.db.models import Token, TokenType
from debusine.server.actor import hash_key


def select_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Options that say which tokens are meant."""
    by_user = click.option("--username", metavar="NAME", help="Only those of this user.")
    by_key = click.option("--token", "key", metavar="KEY", help="Only the one with this key.")
    return by_user(by_key(function))


def find_tokens(*, username: str | None, key: str | None) -> QuerySet[Token]:
    """
    Tokens of people, oldest first, with their users.

    :param username: None for all
    :param key: None for all
    """
    rows = Token.objects.filter(token_type=TokenType.USER).select_related("user").order_by("pk")
    if username is not None:
        rows = rows.filter(user=user_named(username))
    return rows if key is None else rows.filter(hash=hash_key(key))


def token_record(token: Token) -> dict[str, object]:
    """What is shown of a token: everything but its key, which nobody knows."""
    expire_at, seen = token.expire_at, token.last_seen_at
    return {
        "hash": token.hash,
        "user": None if token.user is None else token.user.username,
        "created": token.created_at.isoformat(timespec="seconds"),
        "expires": None if expire_at is None else expire_at.isoformat(timespec="seconds"),
        "last_seen": None if seen is None else seen.isoformat(timespec="seconds"),
        "enabled": token.enabled,
        "comment": token.comment,
    }
