# SPDX-License-Identifier: GPL-3.0-or-later
"""
Events over HTTP for those who wait: long polls, and server-sent events.

It stands beside Django, as whoever waits must not hold a database thread.

:source: "Server-sent events" of the HTML standard, section 9.2
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from asgiref.typing import ASGIReceiveCallable, ASGISendCallable, HTTPScope
from starlette.responses import StreamingResponse

from debusine.api.endpoints.event import MAX_WAIT_S
from debusine.api.sockets.hints import Hints
from debusine.api.transfer_http import Request, identify, send_error
from debusine.domain.text import require_storable
from debusine.errors import DebusineError
from debusine.server import wake
from debusine.server.threads import in_thread
from debusine.server.views.event import (
    EventCursorError,
    Found,
    Listener,
    listener_for,
    position_of,
    read_events,
    view_event,
)

LIST_PATH = "/api/1.0/event/"
STREAM_PATH = "/api/1.0/event/stream/"
# how long a lost hint can delay an event
TICK_S = 5.0
COMMENT_EVERY_S = 15.0
# browsers come back so soon when the connection breaks
_RETRY_MS = 2000


@dataclass(kw_only=True)
class Feed:
    """
    Events for one listener who waits.

    :param position: how far it has come
    """

    request: Request
    position: int
    hints: Hints = field(default_factory=Hints)

    def _listener(self) -> Listener:
        query = self.request.query
        return listener_for(
            identify(self.request),
            workspaces=query.get("workspaces", ""),
            kinds=query.get("kinds", ""),
        )

    def _read(self) -> Found:
        return read_events(self._listener(), self.position)

    async def read(self) -> Found:
        """
        Read what there is; who listens is asked anew, as tokens end.

        :raises DebusineError: if it may not listen any more, or is too late
        """
        return await in_thread(self._read)

    async def wait(self, seconds: float) -> None:
        """Wait until something may have happened, or a tick is over."""
        pause = min(seconds, TICK_S)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.hints.next(), timeout=pause)
            return
        await self.hints.join_missing()


async def _open(request: Request, cursor: str | None) -> Feed:
    """
    Begin to listen, before anything is read.

    :raises DebusineError: for a wrong cursor
    """
    feed = Feed(request=request, position=0)
    await feed.hints.join(wake.EVENTS)
    feed.position = await in_thread(position_of, cursor)
    return feed


def streams(scope: HTTPScope) -> bool:
    """Whether a request is for server-sent events."""
    return scope["method"] == "GET" and scope["path"] == STREAM_PATH


async def stream(scope: HTTPScope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
    """Answer with server-sent events until the other side goes."""
    request = Request.of(scope)
    try:
        require_storable(dict(request.query))
        # a browser that comes back names the last event it saw, and the URL is the old one
        cursor = request.headers.get("last-event-id") or request.query.get("after")
        feed = await _open(request, cursor)
        first = await feed.read()
    except DebusineError as error:
        await send_error(send, error)
        return
    response = StreamingResponse(
        _blocks(feed, first),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )
    answering: Any = response
    try:
        await answering(scope, receive, send)
    finally:
        await feed.hints.leave()


async def _blocks(feed: Feed, found: Found) -> AsyncIterator[str]:
    """What is sent: each event with its cursor as id, and a comment when there is nothing."""
    yield f"retry: {_RETRY_MS}\nid: {feed.position}\n: connected\n\n"
    said_at = time.monotonic()
    while True:
        for row in found.rows:
            record = view_event(row)
            yield f"id: {record.cursor}\ndata: {record.model_dump_json()}\n\n"
            said_at = time.monotonic()
        feed.position = found.position
        if not found.more:
            await feed.wait(TICK_S)
        if time.monotonic() - said_at >= COMMENT_EVERY_S:
            yield f"id: {feed.position}\n: nothing new\n\n"
            said_at = time.monotonic()
        try:
            found = await feed.read()
        except EventCursorError:
            yield "event: expired\ndata: {}\n\n"
            return
        except DebusineError:
            return


def waits(scope: HTTPScope) -> bool:
    """Whether a request is a long poll."""
    if scope["method"] != "GET" or scope["path"] != LIST_PATH:
        return False
    query = Request.of(scope).query
    return "wait" in query and "after" in query


async def wait_for_events(scope: HTTPScope, receive: ASGIReceiveCallable) -> ASGIReceiveCallable:
    """
    Wait until there is something to answer a long poll with, or it has waited long enough.

    What is wrong with the request is for Django to say.

    :returns: what gives Django the body of the request
    """
    request = Request.of(scope)
    body: Any = await receive()
    gone = asyncio.ensure_future(receive())
    patience = asyncio.ensure_future(_something(request))
    try:
        if not body.get("more_body"):
            await asyncio.wait({gone, patience}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        patience.cancel()
        await asyncio.gather(patience, return_exceptions=True)
    messages = [body]

    async def replay() -> Any:
        return messages.pop() if messages else await gone

    return replay


async def _something(request: Request) -> None:
    """Wait for the first event."""
    with contextlib.suppress(DebusineError, ValueError):
        require_storable(dict(request.query))
        patience_s = float(request.query["wait"])
        if not 0 < patience_s <= MAX_WAIT_S:
            return
        feed = await _open(request, request.query["after"])
        try:
            end = time.monotonic() + patience_s
            while not (found := await feed.read()).rows and time.monotonic() < end:
                feed.position = found.position
                if not found.more:
                    await feed.wait(end - time.monotonic())
        finally:
            await feed.hints.leave()
