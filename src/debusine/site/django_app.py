# SPDX-License-Identifier: GPL-3.0-or-later
"""
Django as an ASGI application whose requests run whole in one database thread.

Django's own handler crosses between event loop and threads for every middleware and
opens a database connection per request; this one crosses once and keeps them.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import Iterator
from http import HTTPStatus

from asgiref.typing import (
    ASGIReceiveCallable,
    ASGISendCallable,
    HTTPResponseBodyEvent,
    HTTPResponseStartEvent,
    HTTPScope,
)
from django.conf import settings
from django.core.handlers.asgi import ASGIRequest
from django.core.handlers.base import BaseHandler
from django.core.signals import request_started
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.urls import set_script_prefix

from debusine.api.problem import problem_response
from debusine.server.threads import in_thread
from debusine.wire.problem import Problem

TOO_LARGE = Problem(
    title=f"The body is larger than {settings.DATA_UPLOAD_MAX_MEMORY_SIZE // 2**20} MiB",
    detail="Larger things are sent as files of artifacts.",
)


class BodyTooLargeError(Exception):
    """The body is larger than anything Django is meant to get; files go elsewhere."""


class DjangoApplication(BaseHandler):
    """The application; one per process."""

    def __init__(self) -> None:
        super().__init__()
        self.load_middleware()

    async def __call__(
        self, scope: HTTPScope, receive: ASGIReceiveCallable, send: ASGISendCallable
    ) -> None:
        """Answer one request."""
        try:
            body = await _read_body(receive)
        except BodyTooLargeError:
            await _send_whole(
                problem_response(TOO_LARGE, HTTPStatus.REQUEST_ENTITY_TOO_LARGE), send
            )
            return
        except ConnectionError:
            return
        response = await in_thread(self._respond, scope, body)
        if not response.streaming:
            await _send_whole(response, send)
            return
        try:
            await _send_stream(response, send)
        finally:
            await in_thread(response.close)

    def _respond(self, scope: HTTPScope, body: bytes) -> HttpResponseBase:
        """Run middleware and view."""
        set_script_prefix(scope.get("root_path", "") or "/")
        request_started.send(sender=type(self), scope=scope)
        request = ASGIRequest(scope, io.BytesIO(body))
        response = self.get_response(request)
        if not response.streaming:
            # what it holds lies in memory; later it would cost another way to a thread
            response.close()
        return response


async def _read_body(receive: ASGIReceiveCallable) -> bytes:
    """
    Collect a request's body.

    :raises BodyTooLargeError: above ``DATA_UPLOAD_MAX_MEMORY_SIZE``
    :raises ConnectionError: if the client goes away meanwhile
    """
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise ConnectionError
        parts.append(message["body"])
        size += len(message["body"])
        if size > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            raise BodyTooLargeError
        if not message["more_body"]:
            return b"".join(parts)


def _start(response: HttpResponseBase) -> HTTPResponseStartEvent:
    """Status line and headers, cookies included."""
    headers = [
        (name.lower().encode("ascii"), value.encode("latin1")) for name, value in response.items()
    ]
    headers += [
        (b"set-cookie", cookie.OutputString().encode("latin1"))
        for cookie in response.cookies.values()
    ]
    return {
        "type": "http.response.start",
        "status": response.status_code,
        "headers": headers,
        "trailers": False,
    }


def _body(data: bytes, *, more: bool) -> HTTPResponseBodyEvent:
    """One piece of a body."""
    return {"type": "http.response.body", "body": data, "more_body": more}


async def _send_whole(response: HttpResponseBase, send: ASGISendCallable) -> None:
    """Send an answer that lies in memory."""
    content = response.content if isinstance(response, HttpResponse) else b""
    if not response.has_header("Content-Length"):
        response["Content-Length"] = str(len(content))
    await send(_start(response))
    await send(_body(content, more=False))


async def _send_stream(response: HttpResponseBase, send: ASGISendCallable) -> None:
    """Send an answer piece by piece; each piece is made in a database thread."""
    await send(_start(response))
    pieces: Iterator[bytes] = iter(response)
    while (piece := await in_thread(next, pieces, None)) is not None:
        await send(_body(piece, more=True))
        await asyncio.sleep(0)
    await send(_body(b"", more=False))
