# SPDX-License-Identifier: GPL-3.0-or-later
"""Environments that are kept for people, and what terminals in them have shown."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from ninja import Router

from debusine.api.answer import answer
from debusine.api.request import api_request
from debusine.db.models import WorkRequest
from debusine.server.actions.hold_environment import hold_environment
from debusine.server.actions.release_environment import release_environment
from debusine.server.terminal_log import open_terminal_log
from debusine.server.views.hold import find_terminal, view_hold
from debusine.server.views.work_request import find_work_request
from debusine.util.clock import SystemClock
from debusine.wire.hold import HoldRecord, HoldWanted

router = Router()
_clock = SystemClock()


@router.get("/work-request/{int:work_request_id}/hold/", response=HoldRecord)
def show_hold(request: HttpRequest, work_request_id: int) -> HttpResponse:
    """Say whether the environment of a request is kept, where and until when."""
    return answer(view_hold(_find(request, work_request_id), now=_clock.now()))


@router.post("/work-request/{int:work_request_id}/hold/", response=HoldRecord)
def hold(request: HttpRequest, work_request_id: int, body: HoldWanted) -> HttpResponse:
    """Keep the environment of a request when it fails, or for another while."""
    found = _find(request, work_request_id)
    now = _clock.now()
    made = hold_environment(api_request(request).actor, request=found, wanted=body, now=now)
    return answer(view_hold(made.work_request, now=now))


@router.delete("/work-request/{int:work_request_id}/hold/", response=HoldRecord)
def release(request: HttpRequest, work_request_id: int) -> HttpResponse:
    """Keep the environment of a request no longer; its worker is told."""
    found = _find(request, work_request_id)
    now = _clock.now()
    release_environment(api_request(request).actor, request=found, now=now)
    return answer(view_hold(found, now=now))


@router.get(
    "/work-request/{int:work_request_id}/terminal/{int:terminal_id}/log/",
    openapi_extra={
        "responses": {
            200: {"content": {"application/octet-stream": {"schema": {"type": "string"}}}}
        }
    },
)
def read_terminal_log(
    request: HttpRequest, work_request_id: int, terminal_id: int
) -> HttpResponseBase:
    """Read what a terminal has shown, byte for byte."""
    terminal = find_terminal(_find(request, work_request_id), terminal_id)
    log = open_terminal_log(terminal.pk)
    kind = "application/octet-stream"
    size = log.size()
    response: HttpResponseBase = (
        StreamingHttpResponse(log.read_bytes(0, size), content_type=kind)
        if size
        else HttpResponse(b"", content_type=kind)
    )
    response["X-Content-Type-Options"] = "nosniff"
    return response


def _find(request: HttpRequest, work_request_id: int) -> WorkRequest:
    asked = api_request(request)
    return find_work_request(asked.actor, work_request_id, scope=asked.scope_row)
