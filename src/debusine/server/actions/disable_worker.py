# SPDX-License-Identifier: GPL-3.0-or-later
"""Take a worker out at once, with all that it runs."""

from __future__ import annotations

from datetime import datetime

from debusine.db.models import Attempt, Token, Worker
from debusine.server import wake
from debusine.server.access import require_administrator
from debusine.server.action import action
from debusine.server.actions.hand_back_work_request import hand_back_work_request
from debusine.server.actor import Actor


@action
def disable_worker(actor: Actor, *, worker: Worker, now: datetime) -> list[int]:
    """
    Let a worker's token open no doors; others may do at once what it runs.

    Its agent is told to stop that, and is disconnected.

    :returns: the work requests that wait again
    :raises PermissionDeniedError: unless an administrator asks
    """
    require_administrator(actor, f"disable worker {worker.name}")
    Token.objects.filter(worker=worker).update(enabled=False)
    group = wake.worker_group(worker.pk)
    given_back = []
    held = Attempt.objects.filter(worker=worker, ended_at=None)
    for attempt in held.select_related("work_request").order_by("work_request"):
        if hand_back_work_request(
            actor, attempt=attempt, reason="the worker was disabled", now=now
        ):
            given_back.append(attempt.work_request_id)
            wake.wake_on_commit(
                group, {"type": "work.aborted", "work_request_id": attempt.work_request_id}
            )
    wake.wake_on_commit(group, {"type": "worker.changed"})
    return given_back
