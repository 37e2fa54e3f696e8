# SPDX-License-Identifier: GPL-3.0-or-later
"""Stop a request now, and everything below it."""

from __future__ import annotations

from datetime import datetime

from debusine.db.models import Attempt, WorkRequest
from debusine.domain.permission import Verb
from debusine.domain.work_request import WorkRequestStatus
from debusine.errors import ConflictError
from debusine.server import wake
from debusine.server.access import require
from debusine.server.action import action
from debusine.server.actions.complete_work_request import announce_end, end_attempt
from debusine.server.actor import Actor

TITLE = "Cannot abort work request"
ABORTED = "aborted"
_OPEN = [
    WorkRequestStatus.BLOCKED.value,
    WorkRequestStatus.PENDING.value,
    WorkRequestStatus.RUNNING.value,
]


@action
def abort_work_request(actor: Actor, *, request: WorkRequest, now: datetime) -> None:
    """
    Stop a request and its children; the agent that runs it is told.

    :param request: brought up to date
    :raises PermissionDeniedError: unless its creator or an owner of the workspace asks
    :raises ConflictError: if it has ended or is superseded
    """
    user = actor.require_user()
    require(actor, Verb.ABORT, request)
    if WorkRequest.objects.filter(supersedes=request).exists():
        raise ConflictError(TITLE, details="It has been superseded by another one.")
    _lock(request)
    if not _stop(request, by=user.pk, now=now):
        raise ConflictError(TITLE, details=f"It is {_status(request)}.")
    request.refresh_from_db()


def _lock(request: WorkRequest) -> None:
    """
    Take all the locks that are needed, in the order in which everybody takes them.

    That is attempts before requests, as reports come for attempts, and requests in the order
    of their ids, as those that depend on others are younger. PostgreSQL ends one of two
    that wait for each other.
    """
    tree = level = [request.pk]
    while level:
        below = WorkRequest.objects.filter(parent__in=level, status__in=_OPEN)
        level = list(below.values_list("pk", flat=True))
        tree = tree + level
    attempts = Attempt.objects.filter(work_request__in=tree, ended_at=None)
    list(attempts.select_for_update(of=("self",)).order_by("pk").values_list("pk"))
    waiting = WorkRequest.objects.filter(
        dependencies__in=tree, status=WorkRequestStatus.BLOCKED.value
    )
    touched = {*tree, *waiting.values_list("pk", flat=True)}
    rows = WorkRequest.objects.filter(pk__in=touched)
    list(rows.select_for_update(of=("self",)).order_by("pk").values_list("pk"))


def _stop(request: WorkRequest, *, by: int, now: datetime) -> bool:
    """Stop one and what is below it; False if it has ended."""
    changed = WorkRequest.objects.filter(pk=request.pk, status__in=_OPEN).update(
        status=WorkRequestStatus.ABORTED.value, aborted_by=by, completed_at=now, worker=None
    )
    if not changed:
        return False
    request.status, request.completed_at = WorkRequestStatus.ABORTED.value, now
    for attempt in Attempt.objects.filter(work_request=request, ended_at=None):
        end_attempt(attempt, outcome=ABORTED, reason="aborted by a user", now=now)
        if attempt.worker_id is not None:
            wake.wake_on_commit(
                wake.worker_group(attempt.worker_id),
                {"type": "work.aborted", "work_request_id": request.pk},
            )
    announce_end(request)
    for child in request.children.filter(status__in=_OPEN).order_by("pk"):
        _stop(child, by=by, now=now)
    return True


def _status(request: WorkRequest) -> str:
    """How it stands now, for the message."""
    request.refresh_from_db(fields=["status"])
    return request.status
