# SPDX-License-Identifier: GPL-3.0-or-later
"""A new worker asks to join."""

from __future__ import annotations

import contextlib
from datetime import datetime
from itertools import chain, count, islice

from django.db import IntegrityError, transaction
from django.utils.text import slugify

from debusine.db.models import Token, TokenType, Worker
from debusine.errors import ConflictError, UserError
from debusine.server import job_queue
from debusine.server.action import action
from debusine.server.actor import Actor, hash_key
from debusine.server.worker_tags import TAG_FIELDS, retag
from debusine.wire.worker import Register

# so many workers may take the same name at one moment
_TRIES = 20


@action
def register_worker(
    actor: Actor, *, request: Register, has_token_header: bool, now: datetime
) -> Worker:
    """
    Let a worker in, or note that it waits for an administrator to do so.

    With an activation token, the worker that was prepared gets the key and may work at
    once. Without one, the key stays disabled. A key that is known already changes nothing.

    :param has_token_header: whether the caller showed any key at all
    :raises UserError: if it showed one that is no valid activation token
    """
    activation = actor.token
    if has_token_header and (
        activation is None or activation.token_type != TokenType.WORKER_ACTIVATION
    ):
        raise UserError("Cannot register worker", details="The activation token is not valid.")
    token, is_new = Token.objects.get_or_create(
        hash=hash_key(request.token),
        defaults={
            "token_type": TokenType.WORKER,
            "created_at": now,
            "enabled": activation is not None,
            "comment": f"worker {request.fqdn}"[:100],
        },
    )
    if not is_new and token.token_type != TokenType.WORKER:
        raise UserError("Cannot register worker", details="The key belongs to somebody else.")
    if activation is not None:
        return _activate(activation, token, request.worker_type)
    known = Worker.objects.filter(token=token).first()
    if known is not None:
        return known
    worker = Worker(worker_type=request.worker_type, token=token, registered_at=now)
    retag(worker)
    _save_with_free_name(worker, request.fqdn)
    return worker


def _activate(activation: Token, token: Token, worker_type: str) -> Worker:
    """
    Give the prepared worker its key.

    :raises UserError: if no worker of the type waits for this activation token
    """
    worker = Worker.objects.filter(activation_token=activation).first()
    if worker is None:
        raise UserError("Cannot register worker", details="The activation token is not valid.")
    if worker.worker_type != worker_type:
        # what one kind of worker is given is nothing for another, above all not keys' work
        raise UserError(
            "Cannot register worker",
            details=f"The activation token is for a worker of type {worker.worker_type}.",
        )
    token.enabled = True
    token.save(update_fields=["enabled"])
    worker.token = token
    worker.activation_token = None
    # whoever prepared it may have said something about it
    requires_else = retag(worker)
    worker.save(update_fields=["token", "activation_token", *TAG_FIELDS])
    if requires_else:
        job_queue.send_on_commit("reintern")
    activation.delete()
    return worker


def _save_with_free_name(worker: Worker, fqdn: str) -> None:
    """
    Name a worker after its host: dots become dashes, a number tells equal ones apart.

    :param fqdn: as sent, anything
    :raises ConflictError: if many take the same name at the same moment
    """
    base = slugify(fqdn.replace(".", "-"))[:240] or "worker"
    taken = set(Worker.objects.filter(name__startswith=base).values_list("name", flat=True))
    numbered = chain([base], (f"{base}-{number}" for number in count(2)))
    for name in islice((name for name in numbered if name not in taken), _TRIES):
        worker.name = name
        # another may take it at this very moment
        with contextlib.suppress(IntegrityError), transaction.atomic():
            worker.save()
            return
    raise ConflictError("Cannot register worker", details=f"Too many are named {base}; try again.")
