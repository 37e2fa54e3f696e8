# SPDX-License-Identifier: GPL-3.0-or-later
"""Make tokens of people, and delete them."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime

from debusine.db.models import Token, TokenType, User
from debusine.domain.permission import Verb
from debusine.errors import ConflictError, UserError
from debusine.server.access import require
from debusine.server.action import action
from debusine.server.actor import Actor, hash_key

KEY_BYTES = 32
COMMENT_LENGTH = 100


@action
def create_token(
    actor: Actor, *, user: User, now: datetime, comment: str = "", expire_at: datetime | None = None
) -> tuple[Token, str]:
    """
    Make a token that acts as a user from now on.

    :param expire_at: from when on it is good for nothing; None for never
    :returns: the token, and its key, which is kept nowhere
    :raises PermissionDeniedError: unless that user or the server asks
    :raises UserError: for a comment that is too long, or a time that is over
    :raises ConflictError: if the user may do nothing
    """
    require(actor, Verb.MANAGE_USER, user)
    if len(comment) > COMMENT_LENGTH:
        raise UserError(f"the comment is longer than {COMMENT_LENGTH} characters")
    if expire_at is not None and expire_at <= now:
        raise UserError(f"{expire_at} is over already")
    if not user.is_active:
        raise ConflictError(f"{user.username} is not active")
    key = secrets.token_hex(KEY_BYTES)
    token = Token.objects.create(
        token_type=TokenType.USER,
        hash=hash_key(key),
        user=user,
        created_by=actor.user,
        created_at=now,
        expire_at=expire_at,
        enabled=True,
        comment=comment,
    )
    return token, key


@action
def delete_tokens(actor: Actor, *, tokens: Sequence[Token]) -> None:
    """
    Delete tokens of people; who shows one is nobody from now on.

    :param tokens: with users loaded
    :raises PermissionDeniedError: unless their user or the server asks
    :raises ConflictError: for tokens of workers and tasks, which go with those
    """
    for token in tokens:
        if token.user is None or token.token_type != TokenType.USER:
            raise ConflictError(f"token {token.hash[:8]} is one of a {token.token_type}")
        require(actor, Verb.MANAGE_USER, token.user)
    Token.objects.filter(pk__in=[token.pk for token in tokens]).delete()
