# SPDX-License-Identifier: GPL-3.0-or-later
"""Work requests: list, show with their log and artifacts, retry, abort."""

from __future__ import annotations

import json
import re
from typing import Any

from django.db.models import Q, QuerySet, Sum
from django.http import HttpRequest, HttpResponseRedirect, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import path
from django.views.decorators.http import require_POST

from debusine.db.models import Artifact, Attempt, WorkRequest, Workspace
from debusine.domain.permission import MAX_ID, Verb
from debusine.domain.result import Blame, WorkRequestResults
from debusine.domain.work_request import WorkRequestStatus, can_abort, can_retry
from debusine.errors import NotFoundError
from debusine.server.access import find_scope, find_workspace, may, visible_workspaces
from debusine.server.actions.abort_work_request import abort_work_request
from debusine.server.actions.retry_work_request import retry_work_request
from debusine.server.actor import Actor
from debusine.server.produced import artifacts_of
from debusine.server.views.attempt import find_attempt, open_log
from debusine.server.views.tags import view_tags
from debusine.server.views.waiting import view_waiting
from debusine.server.views.work_request import page_path, view_origin, visible_work_requests
from debusine.util.clock import SystemClock
from debusine.util.terminal import tame
from debusine.web.app import actor_of, page, show
from debusine.web.task_inputs import input_tables

_PAGE = 50
_TAIL_BYTES = 64 * 1024
_ID = re.compile("[0-9]{1,18}")
_clock = SystemClock()


@page
def list_requests(request: HttpRequest, scope: str, workspace: str) -> HttpResponseBase:
    """List the requests of a workspace, newest first."""
    actor = actor_of(request)
    place = find_workspace(actor, find_scope(actor, scope), workspace)
    rows = visible_work_requests(actor).filter(workspace=place).order_by("-pk")
    before = request.GET.get("before", "")
    if _ID.fullmatch(before):
        rows = rows.filter(pk__lt=int(before))
    found = list(rows[: _PAGE + 1])
    context = {
        "place": place,
        "requests": found[:_PAGE],
        "older": found[_PAGE - 1].pk if len(found) > _PAGE else None,
    }
    return show(request, "work_request/list.html", context)


@page
def show_request(request: HttpRequest, scope: str, workspace: str, pk: int) -> HttpResponseBase:
    """Show a request."""
    actor = actor_of(request)
    found = _find(actor, scope, workspace, pk)
    is_final = WorkRequestStatus(found.status).is_final
    attempts = list(found.attempts.select_related("worker").order_by("number"))
    context = {
        "request_row": found,
        "successor": WorkRequest.objects.filter(supersedes=found).first(),
        "is_final": is_final,
        "waiting": None if is_final else view_waiting(actor, found),
        "errors": (found.output_data or {}).get("errors", []),
        "blame": Blame(found.blame).label if found.blame else "",
        "statistics": (found.output_data or {}).get("runtime_statistics", {}),
        "tags": view_tags(found),
        "task_data": _pretty(found.task_data),
        "inputs": input_tables(actor, found),
        "dynamic_data": _pretty(_without_inputs(found.dynamic_task_data)),
        "attempts": attempts,
        "artifacts": _artifacts(actor, found),
        "origin": view_origin(found, actor=actor),
        **_log(attempts),
        **_may(actor, found),
    }
    return show(request, "work_request/show.html", context)


@page
def show_log(request: HttpRequest, scope: str, workspace: str, pk: int) -> HttpResponseBase:
    """
    Send a whole log as text.

    :raises NotFoundError: if there is none
    """
    found = _find(actor_of(request), scope, workspace, pk)
    number = request.GET.get("attempt", "")
    attempt = find_attempt(found.pk, number=int(number) if _ID.fullmatch(number) else None)
    if attempt is None:
        raise NotFoundError("There is no log", details="The work request has not run yet.")
    log = open_log(attempt)
    response = StreamingHttpResponse(
        log.read_bytes(0, log.size()), content_type="text/plain; charset=utf-8"
    )
    response["X-Content-Type-Options"] = "nosniff"
    return response


@require_POST
@page
def retry(request: HttpRequest, scope: str, workspace: str, pk: int) -> HttpResponseBase:
    """Try again and show the new request."""
    actor = actor_of(request)
    found = _find(actor, scope, workspace, pk)
    again = retry_work_request(actor, request=found, now=_clock.now())
    return HttpResponseRedirect(page_path(again))


@require_POST
@page
def abort(request: HttpRequest, scope: str, workspace: str, pk: int) -> HttpResponseBase:
    """Stop a request."""
    actor = actor_of(request)
    found = _find(actor, scope, workspace, pk)
    abort_work_request(actor, request=found, now=_clock.now())
    return HttpResponseRedirect(page_path(found))


def _find(actor: Actor, scope: str, workspace: str, pk: int) -> WorkRequest:
    """
    Find a request where the address says it is.

    :raises NotFoundError: if there is none, or none that may be seen
    :raises PermissionDeniedError: if the scope may not be seen
    """
    found = None
    if pk <= MAX_ID:
        found = (
            visible_work_requests(actor)
            .select_related("created_by", "worker", "signature", "supersedes")
            .filter(pk=pk, workspace__name=workspace, workspace__scope__name=scope)
            .first()
        )
    if found is None:
        find_scope(actor, scope)
        raise NotFoundError("There is no such work request")
    return found


def _may(actor: Actor, request: WorkRequest) -> dict[str, bool]:
    """Which buttons there are."""
    status = WorkRequestStatus(request.status)
    result = WorkRequestResults(request.result)
    return {
        "may_retry": may(actor, Verb.RETRY, request) and can_retry(status, result),
        "may_abort": may(actor, Verb.ABORT, request) and can_abort(status),
    }


def _artifacts(actor: Actor, request: WorkRequest) -> QuerySet[Artifact]:
    """What it made, or had made; those of another workspace only for those who may see it."""
    made = artifacts_of(request)
    condition = visible_workspaces(actor)
    if request.reused_from_id is not None and condition != Q():
        made = made.filter(workspace__in=Workspace.objects.filter(condition))
    return made.select_related("workspace__scope").annotate(
        size=Sum("files__file__size", default=0)
    )


def _log(attempts: list[Attempt]) -> dict[str, Any]:
    """The end of the latest log, for those whose browser runs no script."""
    if not attempts:
        return {"log": "", "log_offset": 0, "log_is_cut": False}
    log = open_log(attempts[-1])
    size = log.size()
    start = max(0, size - _TAIL_BYTES)
    text = tame(b"".join(log.read_bytes(start, size)).decode("utf-8", "replace"))
    return {
        "log": text,
        "log_offset": size,
        "log_is_cut": start > 0,
        "log_attempt": attempts[-1].number,
    }


def _without_inputs(data: Any) -> Any:
    """Dynamic data without what stands in tables."""
    if data is None:
        return None
    return {key: value for key, value in data.items() if key != "task_input_fields"}


def _pretty(data: Any) -> str:
    return "" if data is None else json.dumps(data, indent=2, ensure_ascii=False)


_ONE = "<str:scope>/<str:workspace>/work-request/<int:pk>/"
urls = [
    path("<str:scope>/<str:workspace>/work-request/", list_requests),
    path("<str:scope>/<str:workspace>/", list_requests),
    path(_ONE, show_request),
    path(f"{_ONE}log/", show_log),
    path(f"{_ONE}retry/", retry),
    path(f"{_ONE}abort/", abort),
]
