# SPDX-License-Identifier: GPL-3.0-or-later
"""A worker gives back what it runs: somebody else may do it at once."""

from __future__ import annotations

from datetime import datetime
from functools import partial

from django.db import transaction
from django.db.models import F

from debusine.db.models import Attempt, WorkRequest
from debusine.domain.work_request import WorkRequestStatus
from debusine.server import idle_workers, wake
from debusine.server.action import action
from debusine.server.actions.complete_work_request import end_attempt
from debusine.server.actions.requeue_work_request import LOST
from debusine.server.actor import Actor


@action
def hand_back_work_request(_actor: Actor, *, attempt: Attempt, reason: str, now: datetime) -> bool:
    """
    End an attempt that nothing went wrong with; the request waits again.

    That does not count among the attempts that a request may lose.

    :param reason: why it was given back, for people
    :returns: False if the attempt has ended meanwhile
    """
    facts = {"reason": reason, "next_step": "tried again at once; this one does not count"}
    if not end_attempt(attempt, outcome=LOST, now=now, **facts):
        return False
    request = attempt.work_request
    WorkRequest.objects.filter(pk=request.pk, status=WorkRequestStatus.RUNNING.value).update(
        status=WorkRequestStatus.PENDING.value,
        worker=None,
        started_at=None,
        pending_at=now,
        handed_back=F("handed_back") + 1,
    )
    wake.wake_on_commit(wake.log_group(request.pk), {"type": "log.state"})
    if request.signature_id is not None:
        transaction.on_commit(partial(idle_workers.wake_workers, request.signature_id))
    return True
