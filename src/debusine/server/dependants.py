# SPDX-License-Identifier: GPL-3.0-or-later
"""
Who waits for a request to end.

The end of a request is counted with those that directly depend on it, in its own
transaction and in the order of their ids. What it means for them is looked at afterwards,
by the job ``complete``: their inputs are looked up then, which may take long.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.models import BigIntegerField, F, Q, QuerySet

from debusine.db.models import WorkRequest
from debusine.db.prepared import Param, Prepared
from debusine.domain.result import WorkRequestResults
from debusine.domain.work_request import FINAL, WorkRequestStatus
from debusine.server import job_queue

COMPLETE = "complete"
_SATISFYING = [WorkRequestResults.SUCCESS.value, WorkRequestResults.SKIPPED.value]
_WAITING = Prepared(
    lambda: (
        WorkRequest.objects.select_for_update(of=("self",))
        .filter(
            dependencies=Param("request", BigIntegerField()),
            status=WorkRequestStatus.BLOCKED.value,
        )
        .order_by("pk")
    )
)


def count_end(request: WorkRequest) -> None:
    """
    Count an end with those that depend on it; one query if none does, else two or three.

    One that cannot run any more, as this has failed, waits for nothing else either.

    :param request: completed or aborted, in this transaction
    """
    waiting = _WAITING.all(request=request.pk)
    if not waiting:
        return
    doomed = [] if is_met(request) else [row.pk for row in waiting if not _bears_failures(row)]
    others = [row.pk for row in waiting if row.pk not in set(doomed)]
    WorkRequest.objects.filter(pk__in=doomed).update(unmet_dependencies=0)
    WorkRequest.objects.filter(pk__in=others, unmet_dependencies__gt=0).update(
        unmet_dependencies=F("unmet_dependencies") - 1
    )
    if doomed or any(row.unmet_dependencies <= 1 for row in waiting):
        job_queue.send_on_commit(COMPLETE, request.pk)


def is_met(request: WorkRequest) -> bool:
    """Whether those that depend on an ended request may go on."""
    return request.result in _SATISFYING or bool(_told(request, "allow_failure"))


def block(request: WorkRequest, dependencies: Iterable[WorkRequest]) -> None:
    """
    Store a new request that waits for others to end.

    :param dependencies: their rows are locked in the order of their ids, so that a
        transaction that ends one comes before ours or after it; some may have ended
    """
    ids = sorted({row.pk for row in dependencies})
    rows = WorkRequest.objects.select_for_update(of=("self",)).filter(pk__in=ids).order_by("pk")
    found = list(rows)
    ended = [row for row in found if WorkRequestStatus(row.status).is_final]
    is_doomed = not _bears_failures(request) and not all(map(is_met, ended))
    request.status = WorkRequestStatus.BLOCKED.value
    request.unmet_dependencies = 0 if is_doomed else len(found) - len(ended)
    request.save()
    request.dependencies.add(*found)
    if not request.unmet_dependencies:
        job_queue.send_on_commit(COMPLETE, ids[0])


def failed_dependency(request: WorkRequest) -> WorkRequest | None:
    """The first dependency whose end keeps a request from running, if one does; one query."""
    if _bears_failures(request):
        return None
    ended = request.dependencies.filter(status__in=FINAL).exclude(result__in=_SATISFYING)
    return next((row for row in ended.order_by("pk") if not is_met(row)), None)


def settled(after: int = 0) -> QuerySet[WorkRequest]:
    """
    Blocked requests whose dependencies have ended, or that cannot run any more.

    :param after: only those with larger ids
    """
    return (
        WorkRequest.objects.filter(
            Q(dependencies__isnull=False),
            status=WorkRequestStatus.BLOCKED.value,
            unmet_dependencies=0,
            pk__gt=after,
        )
        .distinct()
        .order_by("pk")
    )


def _bears_failures(request: WorkRequest) -> bool:
    return bool(_told(request, "allow_dependency_failures"))


def _told(request: WorkRequest, key: str) -> Any:
    return (request.workflow_data or {}).get(key)
