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
from debusine.wire.worker import LogData

_MAX_FRAME_BYTES = 16 * 1024 * 1024
_IDLE_S = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class LogChunk:
    """
    A piece of a log.

    :param offset: position of its first byte in the log of the attempt
    :param attempt: number of the attempt; when it changes, the request was begun again
    """

    offset: int
    data: bytes
    stream: str
    attempt: int | None = None


class _NotThereError(Exception):
    """The server has no log to show, for now."""


class LogPosition:
    """
    How far a log has been read, of which attempt.

    :param offset: where to begin in the first attempt that is seen
    """

    def __init__(self, offset: int) -> None:
        self.resume_at = offset
        self.attempt: int | None = None

    def query(self) -> str:
        """The part of the URL that asks for what is not yet known."""
        of_attempt = "" if self.attempt is None else f"&attempt={self.attempt}"
        return f"offset={self.resume_at}{of_attempt}"

    def take(self, frame: LogData) -> LogChunk | None:
        """
        Go on by a frame; None if it holds nothing new.

        A frame of another attempt begins that one's log.
        """
        if frame.attempt != self.attempt:
            if self.attempt is not None:
                self.resume_at = 0
            self.attempt = frame.attempt
        data = frame.data.encode()
        start = self.resume_at if frame.offset is None else frame.offset
        if start < self.resume_at:
            return None
        # bytes that are no UTF-8 were replaced, so the text may be longer than what it stands for
        self.resume_at = start + (len(data) if frame.length is None else frame.length)
        return LogChunk(offset=start, data=data, stream=frame.stream, attempt=frame.attempt)


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
                f"{url}?{self._position.query()}",
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
        return self._position.take(LogData.model_validate(frame))
