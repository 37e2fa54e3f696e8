# SPDX-License-Identifier: GPL-3.0-or-later
"""The person's end of a terminal in a kept environment."""

from __future__ import annotations

import json
import threading
import time
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from pydantic import ValidationError
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.sync.client import ClientConnection, connect

from debusine.client.http import Transport, is_loopback
from debusine.client.identity import USER_AGENT
from debusine.errors import (
    ConflictError,
    DebusineError,
    NotFoundError,
    PermissionDeniedError,
    UpstreamError,
)
from debusine.util.byte_stream import Incoming, Outgoing
from debusine.wire.base import WireModel
from debusine.wire.terminal import (
    TerminalAck,
    TerminalData,
    TerminalExit,
    TerminalResize,
    TerminalWanted,
    TerminalWelcome,
    parse_agent_frame,
)

_MAX_FRAME_BYTES = 1024 * 1024
_RESEND_S = 1.0
_ERRORS: dict[str, type[DebusineError]] = {
    "not_found": NotFoundError,
    "permission_denied": PermissionDeniedError,
    PermissionDeniedError.code: PermissionDeniedError,
    ConflictError.code: ConflictError,
}


class TerminalConnection:
    """
    One terminal, from its opening to its end.

    One thread may call :meth:`receive`, another one everything else.

    :param wanted: what runs in it, and how large it is
    """

    def __init__(self, transport: Transport, work_request_id: int, wanted: TerminalWanted) -> None:
        self._transport = transport
        self._id = work_request_id
        self._wanted = wanted
        self._out, self._in = Outgoing(), Incoming()
        self._lock = threading.Lock()
        self._sent_at = 0.0
        self._socket: ClientConnection
        self.welcome: TerminalWelcome

    def __enter__(self) -> Self:
        """
        Open it.

        :raises NotFoundError: if there is no such work request
        :raises PermissionDeniedError: if the caller may not
        :raises ConflictError: if no environment is kept
        :raises UpstreamError: if the server cannot be reached, or knows no terminals
        """
        self._socket = self._connect()
        try:
            self._socket.send(self._wanted.model_dump_json())
            self.welcome = self._read_welcome()
        except BaseException:
            self._socket.close()
            raise
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leave: what runs in it is ended."""
        self._socket.close()

    @property
    def room(self) -> int:
        """How many bytes :meth:`write` takes now."""
        return self._out.room

    def write(self, data: bytes) -> None:
        """Type something, no more than there is :attr:`room` for."""
        with self._lock:
            self._out.write(data)
            self._pump()

    def tick(self) -> None:
        """Send again what seems lost; to be called about once a second."""
        with self._lock:
            if self._out.is_waiting and time.monotonic() - self._sent_at >= _RESEND_S:
                self._out.rewind()
                self._pump()

    def resize(self, rows: int, columns: int) -> None:
        """Say that the person's terminal has another size."""
        self._send(TerminalResize(rows=rows, columns=columns))

    def receive(self) -> bytes | TerminalExit:
        """
        Wait for something to be shown, which may be nothing, or for the end.

        What was received before counts as shown: who shows slowly gets less.

        :raises UpstreamError: if the connection breaks
        """
        frame = self._read()
        if frame.get("type") == "connection_rejected":
            raise _rejection(frame)
        try:
            message = parse_agent_frame(frame)
        except ValidationError as error:
            raise UpstreamError("cannot understand the server", details=str(error)) from error
        if isinstance(message, TerminalExit):
            return message
        if isinstance(message, TerminalAck):
            with self._lock:
                self._out.acknowledge(message.offset)
                self._pump()
            return b""
        fresh = self._in.take(message.offset, message.data)
        # how far we are, even if it is nothing new: an answer may have got lost
        self._send(TerminalAck(offset=self._in.offset))
        return fresh

    def _pump(self) -> None:
        while (piece := self._out.take()) is not None:
            self._sent_at = time.monotonic()
            self._send(TerminalData(offset=piece[0], data=piece[1]))

    def _send(self, frame: WireModel) -> None:
        try:
            self._socket.send(frame.model_dump_json())
        except ConnectionClosed:
            # who receives says so
            return

    def _read(self) -> dict[str, Any]:
        try:
            frame: dict[str, Any] = json.loads(self._socket.recv())
        except (ConnectionClosed, OSError) as error:
            raise UpstreamError("the connection to the server broke") from error
        return frame

    def _read_welcome(self) -> TerminalWelcome:
        frame = self._read()
        if frame.get("type") != "connected":
            raise _rejection(frame)
        return TerminalWelcome.model_validate(frame)

    def _connect(self) -> ClientConnection:
        base = self._transport.base_url
        url = f"ws{base.removeprefix('http')}/ws/1.0/work-request/{self._id}/terminal/"
        try:
            return connect(
                url,
                additional_headers={"Token": self._transport.token or ""},
                user_agent_header=USER_AGENT,
                open_timeout=self._transport.timeout[0],
                max_size=_MAX_FRAME_BYTES,
                proxy=None if is_loopback(urlsplit(base).hostname or "") else True,
            )
        except (InvalidHandshake, OSError) as error:
            raise UpstreamError(
                "the server opens no terminal",
                details=f"{url}: {error}",
                resolution="Only servers of this program know terminals.",
            ) from error


def _rejection(frame: dict[str, Any]) -> DebusineError:
    reason = str(frame.get("reason") or "the server opens no terminal")
    kind = _ERRORS.get(str(frame.get("reason_code")), UpstreamError)
    brief, _, details = reason.partition("\n")
    return kind(brief, details=details or None)
