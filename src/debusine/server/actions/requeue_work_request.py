# SPDX-License-Identifier: GPL-3.0-or-later
"""An attempt is lost: the request waits again, or has been tried often enough."""

from __future__ import annotations

from datetime import datetime
from functools import partial

from django.db import transaction

from debusine.db.models import Attempt, WorkRequest
from debusine.domain.result import Blame, WorkRequestResults
from debusine.domain.work_request import MAX_AUTOMATIC_RETRIES, WorkRequestStatus
from debusine.server import scheduler
from debusine.server.action import action
from debusine.server.actions.complete_work_request import announce_end, end_attempt
from debusine.server.actor import Actor
from debusine.wire.work_request import OutputData, OutputError

LOST = "lost"
RETRY_LIMIT_EXCEEDED = "work-request-retry-limit-exceeded"


@action
def requeue_work_request(_actor: Actor, *, attempt: Attempt, reason: str, now: datetime) -> bool:
    """
    Give up an attempt and let the request be tried again, three times at most.

    :param reason: why it is lost, for people
    :returns: False if the attempt has ended meanwhile
    """
    if not end_attempt(attempt, outcome=LOST, reason=reason, now=now):
        return False
    request = WorkRequest.objects.select_related("workspace").get(pk=attempt.work_request_id)
    running = WorkRequest.objects.filter(pk=request.pk, status=WorkRequestStatus.RUNNING.value)
    if request.retry_count < MAX_AUTOMATIC_RETRIES:
        running.update(
            status=WorkRequestStatus.PENDING.value,
            worker=None,
            started_at=None,
            pending_at=now,
            retry_count=request.retry_count + 1,
        )
        if request.signature_id is not None:
            transaction.on_commit(partial(scheduler.wake_workers, request.signature_id))
        return True
    message = f"{MAX_AUTOMATIC_RETRIES + 1} attempts were lost; the last one: {reason}"
    output = OutputData(errors=[OutputError(message=message, code=RETRY_LIMIT_EXCEEDED)])
    running.update(
        status=WorkRequestStatus.COMPLETED.value,
        result=WorkRequestResults.ERROR.value,
        blame=Blame.ENVIRONMENT.value,
        completed_at=now,
        output_data=output.model_dump(mode="json", exclude_unset=True),
    )
    request.refresh_from_db()
    announce_end(request)
    return True
