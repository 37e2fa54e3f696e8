# SPDX-License-Identifier: GPL-3.0-or-later
"""Take a result, do what follows from it, tell who waits."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db.models import BigIntegerField, CharField, DateTimeField, JSONField

from debusine.db.models import Attempt, Token, WorkRequest
from debusine.db.prepared import Param, Prepared
from debusine.db.prepared_change import PreparedDelete, PreparedUpdate
from debusine.domain.event import kind_of_end
from debusine.domain.result import Blame, Cause, WorkRequestResults, blame_for
from debusine.domain.retry import Decision, classify
from debusine.domain.work_request import WorkRequestStatus
from debusine.errors import ConflictError, DebusineError, NotFoundError, PermissionDeniedError
from debusine.server import dependants, events, fair_share, retry, wake
from debusine.server.action import action
from debusine.server.actor import Actor
from debusine.server.produced import artifact_ids_of
from debusine.server.react import react_to
from debusine.server.reservation import remember_run, remember_shortage
from debusine.wire.base import to_wire_time
from debusine.wire.work_request import OutputData, OutputError, WorkRequestCompleted

CONFIGURE_FAILED = "configure-failed"
LATE = "late report at"
_NOT_STARTED = (WorkRequestStatus.BLOCKED.value, WorkRequestStatus.PENDING.value)
# whose token is gone
_ENDED = Prepared(
    lambda: Attempt.objects.select_related("work_request").filter(
        token_hash=Param("token_hash", CharField())
    )
)
# no row refers to the token of an attempt; Django would ask three tables first
_DELETE_TOKEN = PreparedDelete(
    lambda: Token.objects.filter(attempt=Param("attempt", BigIntegerField()))
)
_COMPLETE = PreparedUpdate(
    lambda: WorkRequest.objects.filter(pk=Param("pk", BigIntegerField())),
    status=WorkRequestStatus.COMPLETED.value,
    result=Param("result", CharField()),
    blame=Param("blame", CharField()),
    completed_at=Param("completed_at", DateTimeField()),
    output_data=Param("output_data", JSONField(null=True)),
)


class LateReportError(PermissionDeniedError):
    """A report for an attempt that has ended otherwise; it is noted and changes nothing."""

    code = "late-report"


def complete_work_request(
    actor: Actor,
    *,
    token_hash: str,
    work_request_id: int,
    report: WorkRequestCompleted,
    now: datetime,
) -> None:
    """
    Take the report of an attempt; the same report may come any number of times.

    :param token_hash: of the attempt's token, which is gone if the attempt has ended
    :raises NotFoundError: if the token is none of this request's attempts
    :raises ConflictError: if the report names no result
    :raises LateReportError: if the attempt has ended otherwise meanwhile
    """
    attempt = actor.attempt or actor.ended or _ENDED.first(token_hash=token_hash)
    if attempt is None or attempt.work_request_id != work_request_id:
        raise NotFoundError("Work request not found", details=f"Work request id: {work_request_id}")
    if report.result is WorkRequestResults.NONE:
        raise ConflictError("Cannot complete work request", details="The report has no result.")
    if attempt.ended_at is None and _finish(actor, attempt=attempt, report=report, now=now):
        return
    attempt.refresh_from_db()
    if attempt.outcome == report.result.value:
        return
    if LATE not in attempt.reason:
        # it may come any number of times
        reason = f"{attempt.reason}\n{LATE} {to_wire_time(now)}: {report.result.value}".strip()
        Attempt.objects.filter(pk=attempt.pk).update(reason=reason)
    raise LateReportError(
        "Cannot complete work request", details=f"This attempt has ended as {attempt.outcome}."
    )


@action
def _finish(
    _actor: Actor, *, attempt: Attempt, report: WorkRequestCompleted, now: datetime
) -> bool:
    """
    Store a result and what follows from it, in one transaction.

    :returns: False if the attempt has ended meanwhile
    """
    request = attempt.work_request
    blame = blame_for(report.result, _codes(report))
    decision = _decide(attempt, report)
    found = _facts(attempt, report)
    if blame is not None:
        found["blame"] = blame.value
        found["reason"] = "\n".join(error.message for error in _errors(report))
    if decision is not None:
        found |= retry.as_columns(decision)
    if not end_attempt(attempt, outcome=report.result.value, now=now, **found):
        return False
    _learn(attempt, report, now=now)
    if decision is not None and not decision.is_final:
        retry.try_again(request, attempt, decision, now=now)
        return True
    request.status = WorkRequestStatus.COMPLETED.value
    request.result = report.result.value
    request.blame = "" if blame is None else blame.value
    request.completed_at = now
    if report.output_data is not None:
        known = OutputData.model_validate(request.output_data or {})
        merged = known.merge(report.output_data)
        request.output_data = merged.model_dump(mode="json", exclude_unset=True)
    _COMPLETE.run(
        pk=request.pk,
        result=request.result,
        blame=request.blame,
        completed_at=now,
        output_data=request.output_data,
    )
    if report.result is not WorkRequestResults.SKIPPED:
        react_to(request, now=now)
    announce_end(request)
    return True


def _decide(attempt: Attempt, report: WorkRequestCompleted) -> Decision | None:
    """What comes next; None: nothing, and there is nothing to say about it."""
    kind = classify(report.result, _codes(report))
    return None if kind is None else retry.decision_for(attempt, kind)


def _facts(attempt: Attempt, report: WorkRequestCompleted) -> dict[str, Any]:
    """What an attempt remembers of its report, but for why it failed."""
    found: dict[str, Any] = {}
    if report.output_data is not None and report.output_data.runtime_statistics:
        statistics = report.output_data.runtime_statistics
        found["statistics"] = statistics.model_dump(mode="json", exclude_unset=True)
    if attempt.action_key and report.result is WorkRequestResults.SUCCESS:
        found["artifact_count"] = len(artifact_ids_of(attempt.work_request))
    return found


def _errors(report: WorkRequestCompleted) -> Sequence[OutputError]:
    return () if report.output_data is None else report.output_data.errors or ()


def _codes(report: WorkRequestCompleted) -> list[str]:
    return [error.code for error in _errors(report)]


def _learn(attempt: Attempt, report: WorkRequestCompleted, *, now: datetime) -> None:
    """Note what a run took, for those that come after it."""
    output = report.output_data
    if output is None:
        return
    if report.result is WorkRequestResults.SUCCESS:
        if output.runtime_statistics is not None:
            remember_run(attempt.work_request, output.runtime_statistics, now=now)
    elif Cause.OUT_OF_MEMORY in _codes(report):
        remember_shortage(attempt, now=now)


@action
def fail_pending(
    _actor: Actor, *, request: WorkRequest, error: DebusineError, now: datetime
) -> bool:
    """
    End a request that cannot be given to any worker: something it needs has gone, or is wrong.

    :returns: False if it has started or ended
    """
    message = "\n".join(part for part in (error.brief, error.details) if part)
    output = OutputData(errors=[OutputError(message=message, code=CONFIGURE_FAILED)])
    changed = WorkRequest.objects.filter(pk=request.pk, status__in=_NOT_STARTED).update(
        status=WorkRequestStatus.COMPLETED.value,
        result=WorkRequestResults.ERROR.value,
        blame=Blame.SUBJECT.value,
        completed_at=now,
        output_data=output.model_dump(mode="json", exclude_unset=True),
    )
    if changed:
        request.refresh_from_db()
        react_to(request, now=now)
        announce_end(request)
    return bool(changed)


def end_attempt(attempt: Attempt, *, outcome: str, now: datetime, **facts: Any) -> bool:
    """
    End an attempt and take its token away; two statements, within a transaction.

    :param outcome: a result, ``lost`` or ``aborted``
    :param facts: columns to fill in beside: ``reason``, ``blame``, ``statistics``
    :returns: False if somebody else has ended it
    """
    ended = Attempt.objects.filter(pk=attempt.pk, ended_at=None).update(
        ended_at=now, outcome=outcome, **facts
    )
    if not ended:
        return False
    _DELETE_TOKEN.run(attempt=attempt.pk)
    fair_share.charge_attempt(attempt, now=now)
    return True


def announce_end(request: WorkRequest) -> None:
    """
    Write the event of an end, count it with who waited for it, tell readers of the log.

    :param request: completed or aborted, as its row says
    """
    assert request.completed_at is not None
    kind = kind_of_end(WorkRequestStatus(request.status))
    events.record(request, kind, at=request.completed_at)
    dependants.count_end(request)
    wake.wake_on_commit(wake.log_group(request.pk), {"type": "log.state"})
