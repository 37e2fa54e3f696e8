# SPDX-License-Identifier: GPL-3.0-or-later
"""Pass what comes out of pipes on to files, and live to whoever listens."""

from __future__ import annotations

import os
import selectors
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO

from debusine.tasks.logs import LogSender

CHUNK_BYTES = 64 * 1024
# output is collected for so long before it goes live: one message per line costs too much
COLLECT_S = 0.1
# after the end of a process, its strays may hold the pipes open: how long we listen to them
STRAYS_S = 0.2
CLOSE_S = 0.2
# more than pipes hold: what comes beyond that after the end is of strays
LEFT_IN_PIPES_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class PumpedPipe:
    """
    A pipe, the file that gets its bytes, and their name for listeners.

    :param stream: None if they do not go live
    """

    pipe: IO[bytes]
    file: IO[bytes]
    stream: str | None


class Pump:
    """
    Reads pipes in a thread of its own.

    Bytes reach their files at once. A slow listener slows the process down, as its
    pipe fills up; nothing is left out.
    """

    def __init__(self, pipes: Sequence[PumpedPipe], sender: LogSender | None) -> None:
        self._sender = sender
        self._error: OSError | None = None
        self._pending = bytearray()
        self._pending_stream = ""
        self._flush_at = 0.0
        self._abandoned = False
        self._stopping = False
        self._budget = LEFT_IN_PIPES_BYTES
        self._stop_fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._pipes = pipes
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._stop_fd, selectors.EVENT_READ)
        self._open = len(pipes)
        for pipe in pipes:
            os.set_blocking(pipe.pipe.fileno(), False)
            self._selector.register(pipe.pipe, selectors.EVENT_READ, pipe)
        self._thread = threading.Thread(target=self._run, name="pump", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def finish(self, *, limit_s: float | None) -> None:
        """
        Wait until all is passed on; call it after the end of the process.

        :param limit_s: how long to wait for a slow listener; ``None`` is for ever
        :raises OSError: if a file could not be written
        """
        self._thread.join(STRAYS_S)
        self._stop()
        self._thread.join(limit_s)
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        """Stop; a listener that takes nothing is not waited for."""
        self._abandoned = True
        self._stop()
        self._thread.join(CLOSE_S)
        if not self._thread.is_alive():
            os.close(self._stop_fd)

    def _stop(self) -> None:
        os.eventfd_write(self._stop_fd, 1)

    def _run(self) -> None:
        try:
            self._loop()
        finally:
            # whatever happened: a process must not wait for a reader that is gone
            self._selector.close()
            for pipe in self._pipes:
                pipe.pipe.close()

    def _loop(self) -> None:
        while self._open and not self._abandoned and self._budget > 0:
            ready = self._selector.select(self._until_flush())
            if self._stopping and not ready:
                break
            for key, _ in ready:
                if key.data is None:
                    self._stopping = True
                    self._selector.unregister(self._stop_fd)
                else:
                    self._read(key.data)
            if self._pending and time.monotonic() >= self._flush_at:
                self._flush()
        self._flush()

    def _until_flush(self) -> float | None:
        if self._stopping:
            return 0.0
        return max(0.0, self._flush_at - time.monotonic()) if self._pending else None

    def _read(self, pipe: PumpedPipe) -> None:
        if self._abandoned:
            # while a listener kept us waiting; the file may be closed by now
            return
        try:
            data = os.read(pipe.pipe.fileno(), CHUNK_BYTES)
        except BlockingIOError:
            return
        if not data:
            self._selector.unregister(pipe.pipe)
            self._open -= 1
            return
        if self._stopping:
            self._budget -= len(data)
        self._write(pipe.file, data)
        if pipe.stream is not None:
            self._collect(data, pipe.stream)

    def _write(self, file: IO[bytes], data: bytes) -> None:
        if self._error is not None:
            # the process may go on; finish() raises the error
            return
        try:
            file.write(data)
            file.flush()
        except OSError as error:
            self._error = error

    def _collect(self, data: bytes, stream: str) -> None:
        if self._sender is None:
            return
        if stream != self._pending_stream or len(self._pending) + len(data) > CHUNK_BYTES:
            self._flush()
        if not self._pending:
            self._flush_at = time.monotonic() + COLLECT_S
            self._pending_stream = stream
        self._pending += data

    def _flush(self) -> None:
        if not self._pending or self._sender is None or self._abandoned:
            return
        try:
            self._sender.send(bytes(self._pending), self._pending_stream)
        except OSError:
            # the listener is gone; the files remain
            self._sender = None
        self._pending.clear()


@contextmanager
def pumping(pipes: Sequence[PumpedPipe], sender: LogSender | None) -> Iterator[Pump]:
    """Pass output on while the block runs; all of it, if the block calls :meth:`Pump.finish`."""
    pump = Pump(pipes, sender)
    pump.start()
    try:
        yield pump
    finally:
        pump.close()
