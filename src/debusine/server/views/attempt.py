# SPDX-License-Identifier: GPL-3.0-or-later
"""Attempts: which one is meant, and where its log lies."""

from __future__ import annotations

from django.conf import settings
from django.db.models import BigIntegerField

from debusine.db.models import Attempt
from debusine.db.prepared import Param, Prepared
from debusine.domain.result import Blame
from debusine.domain.retry import RetryClass
from debusine.server.attempt_log import AttemptLog
from debusine.wire.attempt import AttemptRecord

_LATEST = Prepared(
    lambda: Attempt.objects.filter(
        work_request=Param("work_request", BigIntegerField()),
        worker=Param("worker", BigIntegerField()),
    ).order_by("-number")[:1]
)


def find_attempt(work_request_id: int, *, number: int | None = None) -> Attempt | None:
    """
    Find an attempt of a work request; one query.

    :param number: the latest one unless given
    """
    attempts = Attempt.objects.filter(work_request=work_request_id)
    if number is not None:
        attempts = attempts.filter(number=number)
    return attempts.order_by("-number").first()


def latest_attempt_on(worker_id: int, work_request_id: int) -> Attempt | None:
    """
    Find the latest try of a work request on one worker, ended or not; one query.

    The end of a log may arrive after the result.
    """
    return _LATEST.first(work_request=work_request_id, worker=worker_id)


def view_attempts(work_request_id: int) -> list[AttemptRecord]:
    """Show all attempts of a work request, oldest first; one query."""
    rows = Attempt.objects.filter(work_request=work_request_id).select_related("worker")
    return [
        AttemptRecord(
            number=row.number,
            worker=None if row.worker is None else row.worker.name,
            started_at=row.started_at,
            ended_at=row.ended_at,
            outcome=row.outcome,
            blame=Blame(row.blame) if row.blame else None,
            reason=row.reason,
            failure=RetryClass(row.lost_by) if row.lost_by else None,
            next_step=row.next_step,
        )
        for row in rows.order_by("number")
    ]


def open_log(attempt: Attempt) -> AttemptLog:
    """The log of an attempt, whether it has one yet or not."""
    return AttemptLog(settings.DEBUSINE.log_dir, attempt.pk)
