# SPDX-License-Identifier: GPL-3.0-or-later
"""Valid rows, one call each; a test names only the fields it is about."""

from __future__ import annotations

import itertools
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from debusine.db.models import (
    Attempt,
    Scope,
    Token,
    TokenType,
    User,
    Worker,
    WorkRequest,
    Workspace,
)
from debusine.domain.work_request import TaskTypes, WorkRequestStatus
from debusine.server.actor import hash_key
from debusine.server.worker_tags import capability
from debusine.util.clock import SystemClock

_numbers = itertools.count(1)
_clock = SystemClock()

NOOP_TAGS = ("worker:task:worker:noop:version:1", "worker:type:external")


@dataclass(frozen=True, kw_only=True, slots=True)
class WithKey:
    """Rows that belong to a token, and the key that shows it."""

    key: str
    token: Token


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerWithKey(WithKey):
    """A worker and its key."""

    worker: Worker


@dataclass(frozen=True, kw_only=True, slots=True)
class RunningWithKey(WithKey):
    """A running work request, its attempt, and the key its task works with."""

    work_request: WorkRequest
    attempt: Attempt


def make_scope(name: str = "debusine") -> Scope:
    """The scope of this name, made if it does not exist."""
    scope, _ = Scope.objects.get_or_create(
        name=name, defaults={"label": name.capitalize(), "created_at": _clock.now()}
    )
    return scope


def make_workspace(
    name: str = "System", *, scope: Scope | None = None, public: bool = False
) -> Workspace:
    """The workspace of this name in a scope, made if it does not exist."""
    workspace, _ = Workspace.objects.get_or_create(
        name=name,
        scope=scope or make_scope(),
        defaults={"public": public, "created_at": _clock.now()},
    )
    return workspace


def make_user(username: str | None = None, *, superuser: bool = False) -> User:
    """A person who can log in with the password ``secret``."""
    user = User(username=username or f"user{next(_numbers)}", is_superuser=superuser)
    user.set_password("secret")
    user.save()
    return user


def make_token(user: User | None = None, *, enabled: bool = True) -> WithKey:
    """A token of a person."""
    return _make_token(TokenType.USER, user=user or make_user(), enabled=enabled)


def _make_token(token_type: TokenType, *, key: str | None = None, **fields: Any) -> WithKey:
    key = key or secrets.token_hex(32)
    token = Token.objects.create(
        token_type=token_type,
        hash=hash_key(key),
        created_at=_clock.now(),
        **{"enabled": True, **fields},
    )
    return WithKey(key=key, token=token)


def make_worker(
    name: str | None = None,
    *,
    tags: tuple[str, ...] = NOOP_TAGS,
    required_tags: tuple[str, ...] = (),
    features: tuple[str, ...] = (),
    enabled: bool = True,
    connected: bool = True,
    **fields: Any,
) -> WorkerWithKey:
    """An enabled worker that can run ``noop``."""
    made = _make_token(TokenType.WORKER, enabled=enabled)
    now = _clock.now()
    worker = Worker(
        name=name or f"worker{next(_numbers)}",
        token=made.token,
        registered_at=now,
        connected_at=now if connected else None,
        dynamic_metadata_updated_at=now,
        provided_tags=sorted(tags),
        required_tags=sorted(required_tags),
        features=list(features),
        **fields,
    )
    worker.capability_key = capability(worker).key
    worker.save()
    return WorkerWithKey(key=made.key, token=made.token, worker=worker)


def make_activation(name: str) -> WithKey:
    """An activation token, and the worker that was prepared for it."""
    made = _make_token(TokenType.WORKER_ACTIVATION)
    Worker.objects.create(name=name, activation_token=made.token, registered_at=_clock.now())
    return made


def make_work_request(
    *,
    workspace: Workspace | None = None,
    created_by: User | None = None,
    status: WorkRequestStatus = WorkRequestStatus.PENDING,
    **fields: Any,
) -> WorkRequest:
    """A pending ``noop``; it has no signature, so that no worker finds it in the queue."""
    values: dict[str, Any] = {
        "task_type": TaskTypes.WORKER.value,
        "task_name": "noop",
        "task_data": {},
        "created_at": _clock.now(),
        **fields,
    }
    return WorkRequest.objects.create(
        workspace=workspace or make_workspace(),
        created_by=created_by or make_user(),
        status=status.value,
        **values,
    )


def make_running(
    *,
    worker: Worker | None = None,
    work_request: WorkRequest | None = None,
    lease: timedelta = timedelta(minutes=1),
    **fields: Any,
) -> RunningWithKey:
    """A work request that runs on a worker, with the token of its task."""
    now = _clock.now()
    request = work_request or make_work_request(**fields)
    runner = worker or make_worker().worker
    WorkRequest.objects.filter(pk=request.pk).update(
        status=WorkRequestStatus.RUNNING.value, worker=runner, started_at=now
    )
    request.refresh_from_db()
    key = secrets.token_hex(32)
    attempt = Attempt.objects.create(
        work_request=request,
        number=request.attempts.count() + 1,
        worker=runner,
        token_hash=hash_key(key),
        started_at=now,
        lease_until=now + lease,
    )
    made = _make_token(TokenType.WORK_REQUEST, key=key, user=request.created_by, attempt=attempt)
    return RunningWithKey(key=made.key, token=made.token, work_request=request, attempt=attempt)
