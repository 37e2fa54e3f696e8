# SPDX-License-Identifier: GPL-3.0-or-later
"""The log of a running task on its way to the server: nothing twice, nothing lost."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import structlog

from debusine.util.clock import Clock, SystemClock
from debusine.wire.worker import MAX_LOG_CHUNK_BYTES, LogFrameHeader, LogStream
from debusine.worker.spool import Spool

CAP_BYTES = 256 * 1024 * 1024
WINDOW_BYTES = 4 * 1024 * 1024
FLUSH_S = 0.2

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Chunk:
    offset: int
    length: int
    stream: LogStream
    timestamp: datetime

    @property
    def end(self) -> int:
        return self.offset + self.length


@dataclass(frozen=True, kw_only=True, slots=True)
class LogLimits:
    """
    How much of a log may wait, and how long.

    :param cap_bytes: more that waits for the server makes the task wait, too
    :param window_bytes: so much is sent before the server must say that it has it
    :param flush_s: output is sent at the latest after this time
    """

    cap_bytes: int = CAP_BYTES
    window_bytes: int = WINDOW_BYTES
    flush_s: float = FLUSH_S


class LogStreamer:
    """
    The log of one attempt.

    The task's side calls :meth:`write` and :meth:`wait_for_room`, the connection
    :meth:`take`, :meth:`acknowledge` and :meth:`rewind`.

    :param changed: called whenever there may be something to take
    """

    def __init__(
        self,
        work_request_id: int,
        spool: Spool,
        *,
        changed: Callable[[], None],
        limits: LogLimits | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.work_request_id = work_request_id
        self.exit_code: int | None = None
        self.end_sent = False
        self.acknowledged = 0
        self._limits = limits or LogLimits()
        self._clock = clock or SystemClock()
        self._spool = spool
        self._changed = changed
        self._buffer = bytearray()
        self._buffer_stream: LogStream = "internal"
        self._timer: asyncio.TimerHandle | None = None
        self._chunks: deque[_Chunk] = deque()
        self._next = 0
        self._sent = 0
        self._progress = asyncio.Event()

    @property
    def size(self) -> int:
        """Bytes written so far, whether sent or not."""
        return self._spool.size + len(self._buffer)

    def write(self, data: bytes, stream: LogStream) -> None:
        """
        Add output.

        :raises OSError: if the disk is full
        """
        if self._buffer and stream != self._buffer_stream:
            self.flush()
        self._buffer_stream = stream
        view = memoryview(data)
        while view:
            room = MAX_LOG_CHUNK_BYTES - len(self._buffer)
            self._buffer += view[:room]
            view = view[room:]
            if len(self._buffer) == MAX_LOG_CHUNK_BYTES:
                self.flush()
        if self._buffer and self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._limits.flush_s, self._flush_late)

    def flush(self) -> None:
        """
        Make what was written ready to be sent.

        :raises OSError: if the disk is full
        """
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._buffer:
            return
        data = bytes(self._buffer)
        offset = self._spool.append(data)
        self._buffer.clear()
        self._chunks.append(
            _Chunk(
                offset=offset,
                length=len(data),
                stream=self._buffer_stream,
                timestamp=self._clock.now(),
            )
        )
        self._changed()

    def _flush_late(self) -> None:
        self._timer = None
        try:
            self.flush()
        except OSError as error:
            # the next write meets the same and reports it
            log.warning("log-not-spooled", problem=str(error))

    def end(self, exit_code: int) -> None:
        """
        Say that nothing follows.

        :raises OSError: if the disk is full
        """
        self.flush()
        self.exit_code = exit_code
        self._changed()

    async def wait_for_room(self) -> None:
        """Wait while too much is waiting: a fast log slows its own task."""
        while self.size - self.acknowledged >= self._limits.cap_bytes:
            self._progress.clear()
            await self._progress.wait()

    async def wait_until_acknowledged(self, timeout_s: float) -> bool:
        """
        Wait until the server has everything.

        :returns: False if it takes longer than ``timeout_s``
        """
        try:
            async with asyncio.timeout(timeout_s):
                while self.acknowledged < self.size:
                    self._progress.clear()
                    await self._progress.wait()
        except TimeoutError:
            return False
        return True

    def take(self) -> tuple[LogFrameHeader, bytes] | None:
        """Next piece to send; None if there is none or the server is to answer first."""
        if self._next >= len(self._chunks):
            return None
        if self._sent - self.acknowledged >= self._limits.window_bytes:
            return None
        chunk = self._chunks[self._next]
        start = max(chunk.offset, self._sent)
        data = self._spool.read(start, chunk.end - start)
        self._next += 1
        self._sent = chunk.end
        header = LogFrameHeader(
            work_request_id=self.work_request_id,
            offset=start,
            stream=chunk.stream,
            timestamp=chunk.timestamp,
        )
        return header, data

    @property
    def all_sent(self) -> bool:
        """Whether everything written was taken."""
        return self._sent == self.size

    def acknowledge(self, offset: int) -> None:
        """Note that the server has all bytes before an offset."""
        offset = min(offset, self._spool.size)
        if offset <= self.acknowledged:
            return
        self.acknowledged = offset
        while self._chunks and self._chunks[0].end <= offset:
            self._chunks.popleft()
            self._next = max(0, self._next - 1)
        self._sent = max(self._sent, offset)
        self._spool.release(offset)
        self._progress.set()
        self._changed()

    def rewind(self, offset: int | None = None) -> None:
        """
        Start again after a lost connection.

        :param offset: how much the server has; None: what it said last
        """
        if offset is not None:
            if offset < self.acknowledged:
                log.error("log-lost-by-server", had=self.acknowledged, has=offset)
            self.acknowledge(offset)
        self._sent = self.acknowledged
        self._next = 0
        self.end_sent = False
        self._changed()

    def close(self) -> None:
        """Forget everything."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._spool.close()
