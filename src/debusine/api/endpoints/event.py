# SPDX-License-Identifier: GPL-3.0-or-later
"""Events: an addition of ours to the API."""

from __future__ import annotations

from typing import Annotated

from django.http import HttpResponse
from ninja import Query, Router

from debusine.api.answer import answer
from debusine.api.request import ApiRequest
from debusine.server.views.event import (
    PAGE_SIZE,
    Found,
    listener_for,
    position_of,
    read_events,
    view_page,
)
from debusine.wire.event import EventPage

router = Router()

MAX_PAGE_SIZE = 1000
MAX_WAIT_S = 60


@router.get("event/", response=EventPage, summary="Read events")
def list_events(  # noqa: PLR0913  one per parameter of the query
    request: ApiRequest,
    after: str | None = None,
    *,
    workspaces: str = "",
    kinds: str = "",
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE_SIZE)] = PAGE_SIZE,
    wait: Annotated[float, Query(ge=0, le=MAX_WAIT_S)] = 0,
) -> HttpResponse:
    """Read what happened after a cursor; without one, learn the newest cursor."""
    del wait  # whoever waits has waited before this, see api.event_http
    listener = listener_for(request.actor, workspaces=workspaces, kinds=kinds)
    position = position_of(after)
    if after is None:
        return answer(view_page(Found(rows=[], position=position, more=False)))
    return answer(view_page(read_events(listener, position, limit=limit)))
