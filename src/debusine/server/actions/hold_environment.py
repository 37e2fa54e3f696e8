# SPDX-License-Identifier: GPL-3.0-or-later
"""Have the environment of a request kept when it fails, so that people can look at it."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, transaction

from debusine.db.models import Hold, User, Worker, WorkRequest
from debusine.domain.hold import HoldState
from debusine.domain.permission import Verb
from debusine.domain.result import WorkRequestResults
from debusine.domain.work_request import TaskTypes, WorkRequestStatus, can_retry
from debusine.errors import ConflictError
from debusine.server import wake
from debusine.server.access import require
from debusine.server.action import action
from debusine.server.actions.retry_work_request import retry_work_request
from debusine.server.actor import Actor
from debusine.server.views.hold import can_keep, latest_hold, state_of
from debusine.wire.hold import HoldWanted

TITLE = "Cannot hold the environment"
CHANGED = {"type": "hold.changed"}


class TooLateError(ConflictError):
    """A request has ended, and nothing of it was kept."""

    code = "hold-too-late"


@action
def hold_environment(
    actor: Actor, *, request: WorkRequest, wanted: HoldWanted, now: datetime
) -> Hold:
    """
    Note that an environment is to be kept, or for another while; its worker is told.

    :param request: with workspace and scope loaded
    :returns: the wish; with ``retry`` it is that of the new request
    :raises PermissionDeniedError: unless the actor may create requests here
    :raises ConflictError: if this server, the task or its worker keeps none
    :raises TooLateError: if the request has ended and its environment is gone
    """
    user = actor.require_user()
    require(actor, Verb.CREATE_WORK_REQUESTS, request.workspace)
    duration = min(timedelta(seconds=wanted.seconds), settings.DEBUSINE.hold_max)
    if not duration:
        raise ConflictError(TITLE, details="This server allows no worker to keep environments.")
    if request.task_type != TaskTypes.WORKER.value:
        raise ConflictError(TITLE, details=f"{request.task_type} tasks have no environment.")
    if wanted.retry:
        request = retry_work_request(actor, request=request, now=now)
    hold = latest_hold(request.pk)
    state = HoldState.NONE if hold is None else state_of(hold, request, now=now)[0]
    if hold is not None and state in {HoldState.WANTED, HoldState.HELD}:
        hold.duration, hold.condition = duration, wanted.condition.value
        hold.save(update_fields=["duration", "condition"])
    else:
        _require_open(request)
        hold = _begin(hold, request, user=user, wanted=wanted, duration=duration, now=now)
    for worker in {hold.worker_id, request.worker_id}:
        if worker is not None:
            wake.wake_on_commit(wake.worker_group(worker), CHANGED)
    return hold


def _begin(  # noqa: PLR0913  each is a fact of its own
    before: Hold | None,
    request: WorkRequest,
    *,
    user: User,
    wanted: HoldWanted,
    duration: timedelta,
    now: datetime,
) -> Hold:
    """
    Write a new wish; one that came to nothing ends.

    :raises ConflictError: if somebody else wrote one just now
    """
    if before is not None and before.ended_at is None:
        before.ended_at, before.reason = now, "it came to nothing"
        before.save(update_fields=["ended_at", "reason"])
    try:
        with transaction.atomic():
            return Hold.objects.create(
                work_request=request,
                requested_by=user,
                requested_at=now,
                condition=wanted.condition.value,
                duration=duration,
            )
    except IntegrityError as error:
        raise ConflictError(TITLE, details="Somebody else has just asked for it.") from error


def _require_open(request: WorkRequest) -> None:
    """
    Check that the environment of a request can still be kept.

    :raises ConflictError: if its worker keeps none
    :raises TooLateError: if it has ended
    """
    status = WorkRequestStatus(request.status)
    if status.is_final:
        again = f"`debusine reproduce {request.pk}` runs it once more on your machine"
        if can_retry(status, WorkRequestResults(request.result)):
            again += (
                f"; `debusine hold {request.pk} --retry` tries it again as a new work request,"
                " whose environment is kept if it fails"
            )
        raise TooLateError(
            TITLE,
            details=f"Work request {request.pk} has ended, and nothing of its environment is left.",
            resolution=f"{again}.",
        )
    if request.worker_id is None or status is not WorkRequestStatus.RUNNING:
        return
    worker = Worker.objects.get(pk=request.worker_id)
    if not can_keep(worker):
        raise ConflictError(
            TITLE,
            details=f"It runs on worker {worker.name}, which keeps no environments.",
            resolution="Workers do if `holds` in their config.ini says how many.",
        )
