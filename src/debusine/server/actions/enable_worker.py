# SPDX-License-Identifier: GPL-3.0-or-later
"""Let a worker work: one that is new, was drained, or was disabled."""

from __future__ import annotations

from functools import partial

from django.db import transaction

from debusine.db.models import Token, Worker
from debusine.errors import ConflictError
from debusine.server import scheduler, wake
from debusine.server.access import require_administrator
from debusine.server.action import action
from debusine.server.actor import Actor


@action
def enable_worker(actor: Actor, *, worker: Worker) -> None:
    """
    Give a worker work from now on; no harm if it gets some already.

    :param worker: with its token loaded
    :raises PermissionDeniedError: unless an administrator asks
    :raises ConflictError: if it has not registered yet
    """
    require_administrator(actor, f"enable worker {worker.name}")
    if worker.token is None:
        raise ConflictError(
            f"Cannot enable worker {worker.name}", details="It has not registered yet."
        )
    worker.token.enabled = True
    Token.objects.filter(pk=worker.token.pk).update(enabled=True)
    worker.drained_at = None
    worker.drain_reason = ""
    worker.save(update_fields=["drained_at", "drain_reason"])
    wake.wake_on_commit(wake.worker_group(worker.pk), {"type": "worker.changed"})
    transaction.on_commit(partial(scheduler.wake_worker, worker.pk))
