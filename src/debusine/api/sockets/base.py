# SPDX-License-Identifier: GPL-3.0-or-later
"""What all WebSockets have in common."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from typing import Any
from urllib.parse import parse_qs

import structlog
from asgiref.typing import ASGIReceiveCallable, ASGISendCallable, WebSocketScope
from pydantic import BaseModel

from debusine.api.sockets.hints import Hints
from debusine.domain.text import text_problems
from debusine.server.full_disk import NoSpaceError

# RFC 6455, section 7.4, and the registry of IANA that it founds
NORMAL = 1000
TRY_AGAIN_LATER = 1013
TOKEN_DISABLED = "TOKEN_DISABLED"  # noqa: S105  the protocol's word

log = structlog.get_logger(__name__)


class RejectedError(Exception):
    """
    The other side is told why, in a frame without ``text``, and the socket is closed.

    :param code: machine-readable, if the protocol has one for it
    """

    def __init__(self, reason: str, code: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code


class Finished(Exception):  # noqa: N818  the normal end
    """Everything was said; the socket is closed."""


class Socket:
    """
    One connection.

    The handshake always succeeds, rejections follow in a frame: old agents want it so.
    Hints, frames and the tick are handled one after the other, so that methods need no
    locks and a busy server slows the sender.
    """

    tick_s = 5.0

    def __init__(self) -> None:
        self.scope: WebSocketScope
        self._send: ASGISendCallable
        self._hints = Hints()

    async def __call__(
        self, scope: WebSocketScope, receive: ASGIReceiveCallable, send: ASGISendCallable
    ) -> None:
        """Serve the connection until either side ends it."""
        self.scope, self._send = scope, send
        await receive()
        await send({"type": "websocket.accept", "subprotocol": None, "headers": []})
        # a send to somebody who has left is an OSError
        with contextlib.suppress(OSError):
            try:
                await self.opened()
                await self._serve(receive)
            except RejectedError as rejection:
                await self._reject(rejection)
            except Finished:
                await self._close()
            except NoSpaceError as error:
                # who comes back later sends again what was not confirmed
                log.warning("socket-closed", problem=error.explain())
                await self._close(TRY_AGAIN_LATER)
            finally:
                await self._hints.leave()
                with contextlib.suppress(NoSpaceError):
                    await self.closed()

    async def _serve(self, receive: ASGIReceiveCallable) -> None:
        """Handle what comes, in turn."""
        frames = asyncio.ensure_future(receive())
        hints = asyncio.ensure_future(self._hints.next())
        due = time.monotonic() + self.tick_s
        try:
            while True:
                pause = max(0.0, due - time.monotonic())
                done, _ = await asyncio.wait(
                    {frames, hints}, timeout=pause, return_when=asyncio.FIRST_COMPLETED
                )
                if frames in done:
                    if not await self._take_frame(frames.result()):
                        return
                    frames = asyncio.ensure_future(receive())
                if hints in done:
                    message = hints.result()
                    hints = asyncio.ensure_future(self._hints.next())
                    await self.hinted(message)
                if time.monotonic() >= due:
                    await self._hints.join_missing()
                    await self.ticked()
                    due = time.monotonic() + self.tick_s
        finally:
            frames.cancel()
            hints.cancel()
            await asyncio.gather(frames, hints, return_exceptions=True)

    async def _take_frame(self, message: Any) -> bool:
        """Handle a frame; False if the other side has left."""
        if message["type"] != "websocket.receive":
            return False
        data = message.get("bytes")
        if data is not None:
            await self.received_bytes(data)
        else:
            await self.received_text(message.get("text") or "")
        return True

    # what subclasses do

    async def opened(self) -> None:
        """Check who it is, join groups, say hello."""

    async def received_text(self, text: str) -> None:
        """Handle a text frame."""

    async def received_bytes(self, data: bytes) -> None:
        """Handle a binary frame."""

    async def hinted(self, message: dict[str, Any]) -> None:
        """Handle a message to one of the groups."""

    async def ticked(self) -> None:
        """Do what is due every ``tick_s``."""

    async def closed(self) -> None:
        """Clean up; the connection is gone."""

    # what subclasses use

    async def join(self, group: str) -> None:
        """Get the messages of a group; do so before reading the state they are about."""
        await self._hints.join(group)

    async def tell(self, group: str, message: dict[str, Any]) -> None:
        """Send a message to a group."""
        await self._hints.tell(group, message)

    async def send(self, frame: BaseModel | dict[str, Any]) -> None:
        """Send a frame."""
        text = (
            frame.model_dump_json(exclude_none=True)
            if isinstance(frame, BaseModel)
            else json.dumps(frame)
        )
        await self._send({"type": "websocket.send", "bytes": None, "text": text})

    def query(self) -> dict[str, str]:
        """
        Parameters of the URL; of repeated ones the last.

        :raises RejectedError: if one holds what no database could look for
        """
        found = parse_qs(self.scope["query_string"].decode("latin1"), keep_blank_values=True)
        query = {name: values[-1] for name, values in found.items()}
        for field, problems in text_problems(query).items():
            raise RejectedError(f"{field}: {problems[0]}", "bad_text")
        return query

    def header(self, name: str) -> str | None:
        """Value of a header, by its name in lower case."""
        for key, value in self.scope["headers"]:
            if key.lower() == name.encode():
                return value.decode("latin1")
        return None

    async def _reject(self, rejection: RejectedError) -> None:
        frame = {"type": "connection_rejected", "reason": rejection.reason}
        if rejection.code is not None:
            frame["reason_code"] = rejection.code
        await self.send(frame)
        await self._close()

    async def _close(self, code: int = NORMAL) -> None:
        await self._send({"type": "websocket.close", "code": code, "reason": ""})
