# SPDX-License-Identifier: GPL-3.0-or-later
"""Logs as they are written, over WebSockets that come back when they break."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from debusine.client.http import Transport, is_loopback
from debusine.client.identity import USER_AGENT
from debusine.errors import NotFoundError, PermissionDeniedError, UpstreamError
from debusine.util.retry import Backoff

_MAX_FRAME_BYTES = 16 * 1024 * 1024
_IDLE_S = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class LogChunk:
    """
    A piece of a log.

    :param offset: position of its first byte in the log of the attempt
    """

    offset: int
    data: bytes
    stream: str


class _NotThereError(Exception):
    """The server has no log to show, for now."""


class LogPosition:
    """
    How far a log has been read.

    Frames carry text, in which bytes that are no UTF-8 were replaced, so that their
    length in bytes is not always known. What cannot be known is asked for again and
    left out.
    """

    def __init__(self, offset: int) -> None:
        self.resume_at = offset
        self.start = offset
        self._next = offset
        self._doubtful = ""

    def take(self, text: str, offset: int | None, length: int | None) -> bytes | None:
        """What is new in a frame; None if nothing is."""
        start = self._next if offset is None else offset
        if self._doubtful and start == self.resume_at and text.startswith(self._doubtful):
            known, text = self._doubtful, text[len(self._doubtful) :]
            self._doubtful = known + text
            return text.encode() or None
        if start < self.resume_at:
            return None
        data = text.encode()
        self.start = start
        if length is None and "\N{REPLACEMENT CHARACTER}" in text:
            self.resume_at = start
            self._doubtful = text
        else:
            self.resume_at = start + (len(data) if length is None else length)
            self._doubtful = ""
        self._next = start + len(data)
        return data


class LogFollower:
    """
    Reads the log of one work request until the request is final.

    :param is_final: asks the server whether the request has ended
    """

    def __init__(
        self,
        transport: Transport,
        work_request_id: int,
        *,
        offset: int,
        is_final: Callable[[], bool],
    ) -> None:
        self._transport = transport
        self._id = work_request_id
        self._position = LogPosition(offset)
        self._is_final = is_final

    def __iter__(self) -> Iterator[LogChunk]:
        """
        Each piece once, in order.

        :raises NotFoundError: if there is no such work request
        :raises UpstreamError: if the server stays out of reach
        """
        pauses = self._pauses()
        while True:
            # asked first: whatever is written before the end is seen below
            final = self._is_final()
            try:
                for chunk in self._read_connection():
                    pauses = self._pauses()
                    yield chunk
                if final:
                    return
            except (ConnectionClosed, InvalidHandshake, OSError):
                pass
            except _NotThereError:
                if final:
                    return
            self._transport.sleep(next(pauses))

    def _pauses(self) -> Iterator[float]:
        return Backoff(first_s=0.05, max_s=5).pauses()

    def _read_connection(self) -> Iterator[LogChunk]:
        with self._connect() as connection:
            while True:
                try:
                    frame = connection.recv(timeout=_IDLE_S)
                except TimeoutError:
                    if self._is_final():
                        return
                    continue
                except ConnectionClosed as closed:
                    if closed.rcvd is not None and closed.rcvd.code in (1000, 1001):
                        return
                    raise
                chunk = self._chunk(json.loads(frame))
                if chunk is not None:
                    yield chunk

    def _connect(self) -> ClientConnection:
        base = self._transport.base_url
        url = f"ws{base.removeprefix('http')}/ws/1.0/work-request/{self._id}/logs/"
        headers = {"Token": self._transport.token} if self._transport.token else {}
        try:
            return connect(
                f"{url}?offset={self._position.resume_at}",
                additional_headers=headers,
                user_agent_header=USER_AGENT,
                open_timeout=self._transport.timeout[0],
                max_size=_MAX_FRAME_BYTES,
                proxy=None if is_loopback(urlsplit(base).hostname or "") else True,
            )
        except InvalidStatus as error:
            if error.response.status_code == PermissionDeniedError.status:
                raise PermissionDeniedError(f"the server refuses to show {url}") from error
            raise
        except TimeoutError as error:
            raise ConnectionError(str(error)) from error

    def _chunk(self, frame: dict[str, Any]) -> LogChunk | None:
        if frame.get("type") == "connection_rejected":
            reason = str(frame.get("reason") or frame.get("reason_code"))
            if frame.get("reason_code") == "not_running":
                raise _NotThereError
            if frame.get("reason_code") == "not_found":
                raise NotFoundError(reason)
            raise UpstreamError(f"the server does not show the log: {reason}")
        if frame.get("type") != "log_data":
            return None
        text = str(frame.get("data", ""))
        data = self._position.take(text, frame.get("offset"), frame.get("length"))
        if data is None:
            return None
        return LogChunk(
            offset=self._position.start, data=data, stream=str(frame.get("stream", "stdout"))
        )
