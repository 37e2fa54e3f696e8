# SPDX-License-Identifier: GPL-3.0-or-later
"""Make a new database usable: a scope, a workspace, an administrator and a worker."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from debusine.db.models import (
    Collection,
    GroupMembership,
    Scope,
    Token,
    TokenType,
    User,
    Worker,
    WorkerType,
    Workspace,
)
from debusine.domain.category import CollectionCategory
from debusine.server.actor import hash_key
from debusine.server.groups import members_of, owners_of

ADMINISTRATOR = "admin"
LOCAL_WORKER = "local"
LOCAL_SIGNING = "local-signing"
ENVIRONMENTS = CollectionCategory("debian:environments")
ENVIRONMENTS_NAME = "debian"


@transaction.atomic
def bootstrap(  # noqa: PLR0913  each is a fact of its own
    *,
    scope_name: str,
    workspace_name: str,
    user_key: str,
    worker_key: str,
    signing_key: str | None = None,
    now: datetime,
) -> None:
    """
    Make what is missing and let keys in; run again, it changes nothing.

    :param user_key: key of the administrator, known to the caller from now on
    :param worker_key: key of the agent on this machine
    :param signing_key: key of the signing worker on this machine, if there is one
    """
    scope, _ = Scope.objects.get_or_create(
        name=scope_name, defaults={"label": scope_name.capitalize(), "created_at": now}
    )
    workspace, _ = Workspace.objects.get_or_create(
        scope=scope, name=workspace_name, defaults={"created_at": now}
    )
    Collection.objects.get_or_create(
        workspace=workspace, category=ENVIRONMENTS, name=ENVIRONMENTS_NAME
    )
    user = _let_user_in(user_key, now)
    for group in (members_of(scope), owners_of(scope)):
        GroupMembership.objects.get_or_create(group=group, user=user)
    _let_worker_in(worker_key, LOCAL_WORKER, WorkerType.EXTERNAL, now)
    if signing_key is not None:
        _let_worker_in(signing_key, LOCAL_SIGNING, WorkerType.SIGNING, now)


@transaction.atomic
def invite_worker(*, key: str, now: datetime, valid_for: timedelta) -> str:
    """
    Prepare for a worker that joins with an activation key.

    An earlier invitation that nobody took up is used again, under its new key.

    :returns: the name that the worker will have
    """
    token = Token.objects.create(
        token_type=TokenType.WORKER_ACTIVATION,
        hash=hash_key(key),
        created_at=now,
        expire_at=now + valid_for,
        enabled=True,
        comment="printed by debusine up",
    )
    worker = Worker.objects.filter(token=None, name__startswith="worker-").order_by("pk").first()
    if worker is None:
        worker = Worker.objects.create(
            name=_free_name(),
            worker_type=WorkerType.EXTERNAL,
            activation_token=token,
            registered_at=now,
        )
        return worker.name
    old = worker.activation_token
    worker.activation_token = token
    worker.save(update_fields=["activation_token"])
    if old is not None:
        old.delete()
    return worker.name


def _let_user_in(key: str, now: datetime) -> User:
    user = User.objects.filter(username=ADMINISTRATOR).first()
    if user is None:
        user = User(username=ADMINISTRATOR, is_superuser=True, is_staff=True)
        user.set_unusable_password()
        user.save()
    Token.objects.get_or_create(
        hash=hash_key(key),
        defaults={
            "token_type": TokenType.USER,
            "user": user,
            "created_at": now,
            "enabled": True,
            "comment": "made at the first start",
        },
    )
    return user


def _let_worker_in(key: str, name: str, worker_type: WorkerType, now: datetime) -> None:
    token, _ = Token.objects.get_or_create(
        hash=hash_key(key),
        defaults={
            "token_type": TokenType.WORKER,
            "created_at": now,
            "enabled": True,
            "comment": f"{worker_type.value} worker on the server's machine",
        },
    )
    worker, _ = Worker.objects.get_or_create(
        name=name,
        defaults={"worker_type": worker_type, "token": token, "registered_at": now},
    )
    if worker.token_id != token.pk:
        # its token file was lost; the old key must not open the door any longer
        old = worker.token
        worker.token = token
        worker.save(update_fields=["token"])
        if old is not None:
            old.delete()


def _free_name() -> str:
    taken = set(Worker.objects.filter(name__startswith="worker-").values_list("name", flat=True))
    number = 1
    while f"worker-{number}" in taken:
        number += 1
    return f"worker-{number}"
