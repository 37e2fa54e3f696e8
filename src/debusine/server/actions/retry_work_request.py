# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask for an unsuccessful request to be tried again: a new one supersedes it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from debusine.db.models import User, WorkRequest
from debusine.domain.event import EventKind
from debusine.domain.permission import Verb
from debusine.domain.result import WorkRequestResults
from debusine.domain.work_request import TaskTypes, WorkRequestStatus, can_retry
from debusine.errors import ConflictError
from debusine.server import events
from debusine.server.access import require
from debusine.server.action import action
from debusine.server.actions.create_work_request import make_pending
from debusine.server.actor import Actor

TITLE = "Cannot retry work request"
_RETRYABLE = frozenset(
    {TaskTypes.WORKER, TaskTypes.INTERNAL, TaskTypes.SIGNING, TaskTypes.WORKFLOW}
)


@action
def retry_work_request(actor: Actor, *, request: WorkRequest, now: datetime) -> WorkRequest:
    """
    Make a request like an unsuccessful one, with inputs looked up anew.

    :param request: with workspace and scope loaded
    :returns: the new one, pending
    :raises PermissionDeniedError: unless the actor may create requests here
    :raises ConflictError: if it has not ended unsuccessfully or is superseded already
    :raises UserError: if something that it needs has gone
    """
    user = actor.require_user()
    require(actor, Verb.RETRY, request)
    _check(request)
    return supersede(request, user=user, now=now)


def supersede(
    request: WorkRequest,
    *,
    user: User,
    now: datetime,
    not_before: datetime | None = None,
    workflow_data: dict[str, Any] | None = None,
) -> WorkRequest:
    """
    Make a request like another one that has ended, within a transaction.

    :param request: with workspace and scope loaded
    :param user: who asks for it
    :param not_before: no worker gets it earlier
    :param workflow_data: unless it is that of the other one
    :returns: the new one, pending
    :raises ConflictError: if the other one is superseded already
    :raises UserError: if something that it needs has gone
    """
    again = WorkRequest(
        workspace=request.workspace,
        created_at=now,
        created_by=user,
        task_type=request.task_type,
        task_name=request.task_name,
        task_data=request.task_data,
        priority_base=request.priority_base,
        priority_adjustment=request.priority_adjustment,
        workflow_data=request.workflow_data if workflow_data is None else workflow_data,
        event_reactions=request.event_reactions,
        parent_id=request.parent_id,
        workflow_root_id=request.workflow_root_id,
        expiration_delay=request.expiration_delay,
        supersedes=request,
    )
    try:
        with transaction.atomic():
            make_pending(again, now=now, title=TITLE, not_before=not_before)
            events.record(request, EventKind.SUPERSEDED, at=now, superseded_by=again.pk)
    except IntegrityError as error:
        raise _superseded() from error
    return again


def _check(request: WorkRequest) -> None:
    """
    Only what ended unsuccessfully is tried again.

    :raises ConflictError: for all else
    """
    if TaskTypes(request.task_type) not in _RETRYABLE:
        raise ConflictError(TITLE, details=f"{request.task_type} tasks cannot be retried.")
    if not can_retry(WorkRequestStatus(request.status), WorkRequestResults(request.result)):
        raise ConflictError(TITLE, details="Only unsuccessful requests can be retried.")
    if WorkRequest.objects.filter(supersedes=request).exists():
        raise _superseded()


def _superseded() -> ConflictError:
    return ConflictError(TITLE, details="It has been superseded by another one.")
