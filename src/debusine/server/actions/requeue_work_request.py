# SPDX-License-Identifier: GPL-3.0-or-later
"""An attempt is lost: the request waits again, or has been tried often enough."""

from __future__ import annotations

from datetime import datetime

from debusine.db.models import Attempt, WorkRequest
from debusine.domain.result import Blame, WorkRequestResults
from debusine.domain.retry import RetryClass
from debusine.domain.work_request import WorkRequestStatus
from debusine.server import retry
from debusine.server.action import action
from debusine.server.actions.complete_work_request import announce_end, end_attempt
from debusine.server.actor import Actor
from debusine.server.react import react_to
from debusine.wire.work_request import OutputData, OutputError

LOST = "lost"
RETRY_LIMIT_EXCEEDED = "work-request-retry-limit-exceeded"


@action
def requeue_work_request(_actor: Actor, *, attempt: Attempt, reason: str, now: datetime) -> bool:
    """
    Give up an attempt and let the request be tried again, as often as the settings say.

    :param reason: why it is lost, for people
    :returns: False if the attempt has ended meanwhile
    """
    decision = retry.decision_for(attempt, RetryClass.LOST_WORKER)
    facts = retry.as_columns(decision) | {"blame": Blame.ENVIRONMENT.value}
    if not end_attempt(attempt, outcome=LOST, reason=reason, now=now, **facts):
        return False
    request = WorkRequest.objects.select_related("workspace__scope", "created_by").get(
        pk=attempt.work_request_id
    )
    if not decision.is_final:
        retry.try_again(request, attempt, decision, now=now)
        return True
    message = f"{decision.limit + 1} attempts were lost; the last one: {reason}"
    output = OutputData(errors=[OutputError(message=message, code=RETRY_LIMIT_EXCEEDED)])
    WorkRequest.objects.filter(pk=request.pk, status=WorkRequestStatus.RUNNING.value).update(
        status=WorkRequestStatus.COMPLETED.value,
        result=WorkRequestResults.ERROR.value,
        blame=Blame.ENVIRONMENT.value,
        completed_at=now,
        output_data=output.model_dump(mode="json", exclude_unset=True),
    )
    request.refresh_from_db()
    react_to(request, now=now)
    announce_end(request)
    return True
