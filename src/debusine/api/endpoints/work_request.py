# SPDX-License-Identifier: GPL-3.0-or-later
"""Work requests: list, create, show, move in the queue, retry, abort."""

from __future__ import annotations

import re

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from ninja import Router

from debusine.api.answer import answer, answer_list
from debusine.api.cursor import read_page
from debusine.api.request import api_request
from debusine.db.models import WorkRequest
from debusine.domain.permission import MAX_ID
from debusine.domain.work_request import TaskTypes, WorkRequestStatus
from debusine.errors import PermissionDeniedError, UserError
from debusine.server.access import find_workspace
from debusine.server.actions.abort_work_request import abort_work_request as abort
from debusine.server.actions.change_priority import change_priority
from debusine.server.actions.create_work_request import create_work_request as create
from debusine.server.actions.retry_work_request import retry_work_request as retry
from debusine.server.views.attempt import view_attempts
from debusine.server.views.outcome import view_outcome
from debusine.server.views.tags import view_tags
from debusine.server.views.task_input import view_task_inputs
from debusine.server.views.waiting import view_waiting
from debusine.server.views.work_request import (
    find_work_request,
    view_work_request,
    view_work_requests,
    visible_work_requests,
)
from debusine.util.clock import SystemClock
from debusine.wire.attempt import AttemptRecord
from debusine.wire.page import CursorPage
from debusine.wire.tags import WorkRequestTags
from debusine.wire.task_input import TaskInputs
from debusine.wire.work_request import (
    Waiting,
    WorkRequestCreate,
    WorkRequestOutcome,
    WorkRequestUpdate,
)
from debusine.wire.work_request import WorkRequest as WorkRequestRecord

router = Router()
_clock = SystemClock()
_ID = re.compile("[0-9]{1,19}")


@router.get("/work-request/", response=CursorPage[WorkRequestRecord])
def list_work_requests(
    request: HttpRequest,
    task_type: TaskTypes | None = None,
    root_only: bool = False,  # noqa: FBT001, FBT002  a parameter of the query
    ids: str | None = None,
    status: WorkRequestStatus | None = None,
) -> HttpResponse:
    """List the requests of the scope that the caller may see, newest first."""
    asked = api_request(request)
    _require_caller(request)
    rows = visible_work_requests(asked.actor, asked.scope_row)
    rows = _with_ids(rows, ids)
    if task_type is not None:
        rows = rows.filter(task_type=task_type.value)
    if status is not None:
        rows = rows.filter(status=status.value)
    if root_only:
        rows = rows.filter(parent=None)
    page, older, newer = read_page(request, rows)
    return answer(
        CursorPage[WorkRequestRecord].model_construct(
            next=older, previous=newer, results=view_work_requests(page)
        )
    )


@router.post("/work-request/", response=WorkRequestRecord)
def create_work_request(request: HttpRequest, body: WorkRequestCreate) -> HttpResponse:
    """Create a request that waits for a worker at once."""
    asked = api_request(request)
    asked.actor.require_user()
    workspace = find_workspace(asked.actor, asked.scope_row, body.workspace)
    created = create(
        asked.actor,
        workspace=workspace,
        task_name=body.task_name,
        data=body.task_data,
        event_reactions=body.event_reactions,
        now=_clock.now(),
        reuse=body.reuse,
        apt_indexes=body.apt_indexes,
    )
    is_fresh = created.reused_from_id is None
    return answer(view_work_request(created, actor=asked.actor, is_fresh=is_fresh))


@router.get("/work-request/{int:work_request_id}/", response=WorkRequestRecord)
def show_work_request(request: HttpRequest, work_request_id: int) -> HttpResponse:
    """
    Show a request.

    :raises UserError: if filters of the listing are given
    """
    if "ids" in request.GET or "status" in request.GET:
        raise UserError("Error", details="ids and status filter listings only")
    found = _find(request, work_request_id)
    return answer(view_work_request(found, actor=api_request(request).actor))


@router.get("/work-request/{int:work_request_id}/waiting/", response=Waiting)
def show_reason_for_waiting(request: HttpRequest, work_request_id: int) -> HttpResponse:
    """Say why a request waits, or that it does not."""
    found = _find(request, work_request_id)
    return answer(view_waiting(api_request(request).actor, found))


@router.get("/work-request/{int:work_request_id}/tags/", response=WorkRequestTags)
def show_tags(request: HttpRequest, work_request_id: int) -> HttpResponse:
    """Show the tags of a request and of its worker, and who says each."""
    return answer(view_tags(_find(request, work_request_id)))


@router.get("/work-request/{int:work_request_id}/outcome/", response=WorkRequestOutcome)
def show_outcome(request: HttpRequest, work_request_id: int) -> HttpResponse:
    """Say why a request was not successful, and whose fault that is."""
    return answer(view_outcome(_find(request, work_request_id)))


@router.get("/work-request/{int:work_request_id}/attempts/", response=list[AttemptRecord])
def show_attempts(request: HttpRequest, work_request_id: int) -> HttpResponse:
    """Show how often a request was tried, why each try came to nothing and what came next."""
    return answer_list(view_attempts(_find(request, work_request_id).pk))


@router.get("/work-request/{int:work_request_id}/inputs/", response=TaskInputs)
def show_inputs(request: HttpRequest, work_request_id: int) -> HttpResponse:
    """Show what the task of a request takes, and what the server found for it."""
    return answer(view_task_inputs(_find(request, work_request_id)))


@router.patch("/work-request/{int:work_request_id}/", response=WorkRequestRecord)
def update_work_request(
    request: HttpRequest, work_request_id: int, body: WorkRequestUpdate
) -> HttpResponse:
    """Move a request in the queue."""
    found = _find(request, work_request_id)
    change_priority(api_request(request).actor, request=found, adjustment=body.priority_adjustment)
    return answer(view_work_request(found))


@router.post("/work-request/{int:work_request_id}/retry/", response=WorkRequestRecord)
def retry_work_request(request: HttpRequest, work_request_id: int) -> HttpResponse:
    """Try an unsuccessful request again; the answer is the one that supersedes it."""
    found = _find(request, work_request_id)
    again = retry(api_request(request).actor, request=found, now=_clock.now())
    return answer(view_work_request(again))


@router.post("/work-request/{int:work_request_id}/abort/", response=WorkRequestRecord)
def abort_work_request(request: HttpRequest, work_request_id: int) -> HttpResponse:
    """Stop a request."""
    found = _find(request, work_request_id)
    abort(api_request(request).actor, request=found, now=_clock.now())
    return answer(view_work_request(found))


def _require_caller(request: HttpRequest) -> None:
    """
    Let only people and running tasks ask.

    :raises PermissionDeniedError: for workers and nobody
    """
    if api_request(request).actor.user is None:
        raise PermissionDeniedError(
            "Error", details="Authentication credentials were not provided."
        )


def _find(request: HttpRequest, work_request_id: int) -> WorkRequest:
    """The request, if the caller may see it in this scope."""
    _require_caller(request)
    asked = api_request(request)
    return find_work_request(asked.actor, work_request_id, scope=asked.scope_row)


def _with_ids(rows: QuerySet[WorkRequest], ids: str | None) -> QuerySet[WorkRequest]:
    """
    Keep those of a list of ids.

    :raises UserError: if it is no list of ids
    """
    if ids is None:
        return rows
    parts = [part.strip() for part in ids.split(",")]
    if not all(_ID.fullmatch(part) and int(part) <= MAX_ID for part in parts):
        raise UserError("Error", details=f"ids is not a list of numbers: {ids!r:.100}")
    return rows.filter(pk__in={int(part) for part in parts})
