# SPDX-License-Identifier: GPL-3.0-or-later
"""
What a task's process sends to the agent, and what agent and supervisor tell each other.

A frame is one byte that says what it is, four bytes of length (big endian), and the
payload: ``L`` one byte of stream and a piece of the log, ``E`` an exit code, ``R`` the
result, ``J`` a message between agent and supervisor, or about a terminal, ``H`` what is left
of the task's sandbox; all but the first are JSON.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
import threading
from typing import Any

from debusine.errors import BugError
from debusine.wire.worker import MAX_LOG_CHUNK_BYTES, LogStream

LOG = b"L"
EXIT = b"E"
RESULT = b"R"
MESSAGE = b"J"
HELD = b"H"

STREAMS: tuple[LogStream, ...] = ("stdout", "stderr", "internal")
MAX_FRAME_BYTES = 64 * 1024 * 1024

_HEADER = struct.Struct(">cI")


class FrameError(Exception):
    """The other side does not keep to the form of frames."""


def pack(kind: bytes, payload: bytes) -> bytes:
    """Make a frame."""
    return _HEADER.pack(kind, len(payload)) + payload


def pack_message(message: dict[str, Any]) -> bytes:
    """Make a frame that holds a JSON object."""
    return pack(MESSAGE, json.dumps(message).encode())


async def read_frame(reader: asyncio.StreamReader) -> tuple[bytes, bytes] | None:
    """
    Read a frame.

    :returns: kind and payload; None at the end, also in the middle of a frame
    :raises FrameError: if it claims to be longer than any frame is
    """
    try:
        kind, length = _HEADER.unpack(await reader.readexactly(_HEADER.size))
        if length > MAX_FRAME_BYTES:
            message = f"frame of {length} bytes"
            raise FrameError(message)
        return kind, await reader.readexactly(length)
    except (asyncio.IncompleteReadError, ConnectionError):
        return None


def split_log(payload: bytes) -> tuple[LogStream, bytes]:
    """
    Take a log frame apart.

    :raises FrameError: if it names no stream
    """
    if not payload or payload[0] >= len(STREAMS):
        message = "log frame without a stream"
        raise FrameError(message)
    return STREAMS[payload[0]], payload[1:]


class FrameReader:
    """Reads frames from a socket, for processes without an event loop."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self._buffer = b""

    def read(self) -> dict[str, Any] | None:
        """
        Wait for a message.

        :returns: None when the other side has gone
        """
        while (message := self.take()) is None:
            if not self.receive():
                return None
        return message

    def receive(self) -> bool:
        """Take in what there is, waiting for the first byte; False at the end."""
        try:
            data = self.connection.recv(1024 * 1024)
        except ConnectionError:
            return False
        self._buffer += data
        return bool(data)

    def take(self) -> dict[str, Any] | None:
        """A message that is complete; None if there is none."""
        if len(self._buffer) < _HEADER.size:
            return None
        _, length = _HEADER.unpack_from(self._buffer)
        end = _HEADER.size + length
        if len(self._buffer) < end:
            return None
        payload, self._buffer = self._buffer[_HEADER.size : end], self._buffer[end:]
        message: dict[str, Any] = json.loads(payload)
        return message


class TaskChannel:
    """
    The task's end: sends what the agent is to know, waiting while the agent is busy.

    This is the log sender of the task; it may be used by several threads.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._lock = threading.Lock()

    def send(self, data: bytes, stream: str) -> None:
        """
        Send a piece of the log.

        :raises BugError: if there is no such stream
        """
        if stream not in STREAMS:
            raise BugError(f"no such stream of a log: {stream}")
        head = bytes([STREAMS.index(stream)])
        for start in range(0, len(data), MAX_LOG_CHUNK_BYTES):
            self._send(LOG, head + data[start : start + MAX_LOG_CHUNK_BYTES])

    def send_end(self, exit_code: int) -> None:
        """Say how a command ended; -1 if there is no exit code."""
        # where the supervisor is gone, this process is about to be
        with contextlib.suppress(OSError):
            self._send(EXIT, json.dumps(exit_code).encode())

    def send_result(self, result: dict[str, Any]) -> None:
        """Say how the task ended; nothing of the log may follow."""
        self._send(RESULT, json.dumps(result).encode())

    def send_message(self, message: dict[str, Any], *, kind: bytes = MESSAGE) -> None:
        """
        Say something about what is left of the task.

        :param kind: of frame
        """
        self._send(kind, json.dumps(message).encode())

    def _send(self, kind: bytes, payload: bytes) -> None:
        with self._lock:
            self._connection.sendall(pack(kind, payload))
