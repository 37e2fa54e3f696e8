# SPDX-License-Identifier: GPL-3.0-or-later
"""
Enrolment: ``POST /api/enroll/`` answers once somebody in a browser has decided.

It stands beside Django, as whoever waits must not hold a database thread. Until the answer
comes, an empty line now and then keeps the connection open.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import Any

from asgiref.typing import ASGIReceiveCallable, ASGISendCallable, HTTPScope
from pydantic import ValidationError
from starlette.responses import StreamingResponse

from debusine.api.parser import parse_json
from debusine.api.sockets.hints import Hints
from debusine.api.transfer_http import Request, send_error
from debusine.api.transfer_upload import Body
from debusine.db.models import Enrolment
from debusine.domain.validation import messages_by_field
from debusine.errors import DebusineError, UserError
from debusine.server import wake
from debusine.server.actions.begin_enrolment import PATIENCE, TITLE, begin_enrolment
from debusine.server.actions.finish_enrolment import finish_enrolment, forget_enrolment
from debusine.server.actor import ANONYMOUS
from debusine.server.threads import in_thread
from debusine.util.clock import SystemClock
from debusine.wire.enrolment import EnrolmentAnswer, EnrolmentOutcome, EnrolmentRequest

PATH = "/api/enroll/"
MAX_BODY_BYTES = 4096
# how long a lost hint can delay the answer
TICK_S = 5.0
# clients give up after 30 s of silence
LINE_EVERY_S = 10.0
PATIENCE_S = PATIENCE.total_seconds()


def handles(scope: HTTPScope) -> bool:
    """Whether a request is for this application."""
    return scope["method"] == "POST" and scope["path"] == PATH


async def application(
    scope: HTTPScope, receive: ASGIReceiveCallable, send: ASGISendCallable
) -> None:
    """Answer one request that :func:`handles` said yes to."""
    body = Body(receive)
    try:
        wanted = await _read(Request.of(scope), body)
        enrolment = await in_thread(
            begin_enrolment, ANONYMOUS, wanted=wanted, now=SystemClock().now()
        )
    except DebusineError as error:
        with contextlib.suppress(ConnectionError):
            await body.drain()
            await send_error(send, error)
        return
    except ConnectionError:
        return
    hints = Hints()
    answering: Any = StreamingResponse(
        _lines(enrolment, hints),
        media_type="application/json",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )
    try:
        await answering(scope, receive, send)
    finally:
        await hints.leave()
        await in_thread(forget_enrolment, ANONYMOUS, enrolment=enrolment)


async def _read(request: Request, body: Body) -> EnrolmentRequest:
    """
    Read what a client says of itself.

    :raises UserError: if that is not as it has to be
    :raises ConnectionError: if it goes away
    """
    if request.headers.get("content-type") != "application/json":
        raise UserError(TITLE, details="The content type has to be application/json.")
    data = b""
    async for block in body.blocks():
        data += b"".join(block)
        if len(data) > MAX_BODY_BYTES:
            raise UserError(TITLE, details=f"The body is longer than {MAX_BODY_BYTES} bytes.")
    try:
        return EnrolmentRequest.model_validate(parse_json(data))
    except ValidationError as error:
        problem = messages_by_field(error.errors())
        raise UserError(TITLE, validation_errors=problem) from error
    except (ValueError, RecursionError) as error:
        raise UserError(TITLE, details=f"The body is no JSON: {error}") from error


async def _lines(enrolment: Enrolment, hints: Hints) -> AsyncIterator[str]:
    """Empty lines, and in the end the answer."""
    await hints.join(wake.enrolment_group(enrolment.pk))
    ends_at = time.monotonic() + PATIENCE_S
    said_at = time.monotonic()
    answer = None
    while answer is None:
        answer = await in_thread(
            finish_enrolment, ANONYMOUS, enrolment=enrolment, now=SystemClock().now()
        )
        if answer is None and time.monotonic() >= ends_at:
            answer = EnrolmentAnswer(outcome=EnrolmentOutcome.CANCEL)
        elif answer is None:
            await _wait(hints)
            if time.monotonic() - said_at >= LINE_EVERY_S:
                yield "\n"
                said_at = time.monotonic()
    yield answer.model_dump_json()


async def _wait(hints: Hints) -> None:
    """Wait until somebody may have decided, or a tick is over."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(hints.next(), timeout=TICK_S)
        return
    await hints.join_missing()
