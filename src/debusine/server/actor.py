# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is acting: what a token stands for, worked out once per request."""

from __future__ import annotations

import contextlib
import hashlib
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from django.db import OperationalError
from django.db.models import CharField, DateTimeField, Q

from debusine.db.models import Attempt, Token, TokenType, User, Worker
from debusine.db.prepared import Param, Prepared
from debusine.domain.role import Standing
from debusine.domain.work_request import WorkRequestStatus
from debusine.errors import PermissionDeniedError

_TOKEN_OF_KEY = Prepared(
    lambda: Token.objects.select_related("user", "worker", "attempt__work_request").filter(
        Q(expire_at=None) | Q(expire_at__gt=Param("now", DateTimeField())),
        hash=Param("hash", CharField()),
        enabled=True,
    )
)


_ENDED_OF_KEY = Prepared(
    lambda: Attempt.objects.select_related("work_request").filter(
        ended_at__isnull=False, token_hash=Param("hash", CharField())
    )
)


def hash_key(key: str) -> str:
    """
    The form in which the server keeps a key.

    >>> hash_key("secret")[:8]
    '2bb80d53'
    """
    return hashlib.sha256(key.encode()).hexdigest()


@dataclass(frozen=True, kw_only=True, slots=True)
class Actor:
    """
    Somebody who asks: a person, a worker, a running task, or nobody.

    ``attempt`` is set for the token of a running task; ``user`` is then the one
    who created its work request. ``ended`` is set for one that is gone as its attempt
    has ended: it allows nothing, but can say why. ``remembered`` is what
    :mod:`debusine.server.access` has read about it: roles count for one request.
    """

    user: User | None = None
    worker: Worker | None = None
    attempt: Attempt | None = None
    ended: Attempt | None = None
    token: Token | None = None
    is_system: bool = False
    remembered: list[Standing] = field(default_factory=list, init=False, repr=False, compare=False)

    def renewed(self) -> Actor:
        """Make the same actor, whose roles are read again, for those who stay connected."""
        return replace(self)

    @property
    def label(self) -> str:
        """Name for messages."""
        if self.is_system:
            return "the server"
        if self.worker is not None:
            return f"worker {self.worker.name}"
        if self.ended is not None:
            return f"<ended attempt of work request {self.ended.work_request_id}>"
        if self.has_grants_only and self.token is not None:
            user = self.token.user
            return self.token.external_username if user is None else user.username
        return self.user.username if self.user is not None else "<anonymous>"

    @property
    def is_worker(self) -> bool:
        """Whether the token is one of a worker, or of one that is to come."""
        types = (TokenType.WORKER, TokenType.WORKER_ACTIVATION)
        return self.worker is not None or (
            self.token is not None and self.token.token_type in types
        )

    @property
    def has_grants_only(self) -> bool:
        """Whether the token reaches what it was granted, and nothing else."""
        return self.token is not None and self.token.explicit_grants_only

    def require_alive(self) -> None:
        """
        Refuse a task that goes on although its attempt has ended; it is told how that ended.

        :raises PermissionDeniedError: if the token was that of an attempt that has ended
        """
        if self.ended is not None:
            reason = f": {self.ended.reason}" if self.ended.reason else ""
            raise PermissionDeniedError(
                "the work request of this token is not running",
                details=f"Attempt {self.ended.number} of work request {self.ended.work_request_id}"
                f" has ended as {self.ended.outcome}{reason}",
                resolution="A task that is told so can only end; what it made is not wanted.",
            )

    def require_user(self) -> User:
        """
        The person, if it is a person who asks.

        :raises PermissionDeniedError: for workers, tasks and nobody
        """
        self.require_alive()
        if self.user is None or self.attempt is not None:
            raise PermissionDeniedError("this needs the token of a user")
        return self.user

    def require_worker(self) -> Worker:
        """
        The worker, if it is a worker that asks.

        :raises PermissionDeniedError: for everybody else
        """
        if self.worker is None:
            raise PermissionDeniedError("this needs the token of a worker")
        return self.worker

    def require_attempt(self) -> Attempt:
        """
        The attempt, if it is a running task that asks.

        :raises PermissionDeniedError: for everybody else
        """
        self.require_alive()
        if self.attempt is None:
            raise PermissionDeniedError("this needs the token of a running work request")
        return self.attempt


ANONYMOUS = Actor()
SYSTEM = Actor(is_system=True)
"""The server itself: what time brings about, nobody asked for."""


def actor_for_key(key: str | None, *, now: datetime) -> Actor:
    """
    Work out who shows a key; one query, two for a key that is good for nothing.

    :param key: the key as sent, or None when none was
    :returns: :data:`ANONYMOUS` for a key that is absent, unknown, expired or disabled, but
        for those of attempts that have ended
    :raises PermissionDeniedError: for inactive users and tasks that no longer run
    """
    if key is None:
        return ANONYMOUS
    token = _TOKEN_OF_KEY.first(hash=hash_key(key), now=now)
    if token is None:
        ended = _ENDED_OF_KEY.first(hash=hash_key(key))
        return ANONYMOUS if ended is None else Actor(ended=ended)
    if token.token_type == TokenType.WORKER:
        return Actor(worker=getattr(token, "worker", None), token=token)
    if token.user is not None and not token.user.is_active:
        raise PermissionDeniedError(f"user {token.user.username} is not active")
    if token.token_type == TokenType.WORK_REQUEST:
        return _running_task(token)
    if token.explicit_grants_only:
        # whatever is asked about the person behind it has to be no
        return Actor(token=token)
    return Actor(user=token.user, token=token)


def _running_task(token: Token) -> Actor:
    """
    Work out which task shows a token.

    :raises PermissionDeniedError: if it does not run any more
    """
    attempt = token.attempt
    if (
        attempt is None
        or attempt.ended_at is not None
        or attempt.work_request.status != WorkRequestStatus.RUNNING
    ):
        raise PermissionDeniedError("the work request of this token is not running")
    return Actor(user=token.user, attempt=attempt, token=token)


LAST_SEEN_PRECISION = timedelta(minutes=5)


def touch_token(actor: Actor, *, now: datetime) -> None:
    """
    Remember that a token is in use; one statement every five minutes.

    That nobody can write now must not keep others from reading.
    """
    token = actor.token
    if token is None or (
        token.last_seen_at is not None and now - token.last_seen_at < LAST_SEEN_PRECISION
    ):
        return
    with contextlib.suppress(OperationalError):
        Token.objects.filter(pk=token.pk).update(last_seen_at=now)
