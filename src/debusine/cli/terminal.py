# SPDX-License-Identifier: GPL-3.0-or-later
"""Connect a person's terminal, or a pipe, with one in a kept environment."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType

from debusine.client.terminal import TerminalConnection
from debusine.errors import ConflictError, DebusineError
from debusine.util.pseudo_terminal import raw
from debusine.wire.terminal import MAX_SIDE, TerminalExit

DEFAULT_SIZE = (24, 80)
_TICK_S = 0.5
# Ctrl-D: how a terminal says that nothing more is typed
_END = b"\x04"


def size_of(descriptor: int) -> tuple[int, int]:
    """Rows and columns of a terminal; the usual ones of what is none."""
    try:
        size = os.get_terminal_size(descriptor)
    except OSError:
        return DEFAULT_SIZE
    if not size.lines or not size.columns:
        return DEFAULT_SIZE
    return min(size.lines, MAX_SIDE), min(size.columns, MAX_SIDE)


class Attachment:
    """
    Carries keys and output until the other end has ended.

    :param keys: what the person types on, or a pipe
    :param output: where the output is shown
    """

    def __init__(self, connection: TerminalConnection, *, keys: int, output: int) -> None:
        self._connection = connection
        self._keys, self._output = keys, output
        self._wake, self._waker = os.pipe()
        self._ending: TerminalExit | DebusineError | None = None
        self._size = (0, 0)

    def run(self) -> int:
        """
        Do it.

        :returns: exit status of what ran
        :raises ConflictError: if it did not end by itself
        :raises UpstreamError: if the connection broke
        """
        thread = threading.Thread(target=self._show, daemon=True)
        with self._person():
            thread.start()
            self._carry()
        ending = self._ending
        if isinstance(ending, DebusineError):
            raise ending
        if ending is None or ending.exit_code is None:
            reason = "" if ending is None else ending.reason
            raise ConflictError(f"the terminal was closed: {reason or 'the person left'}")
        return ending.exit_code

    def _carry(self) -> None:
        is_terminal = os.isatty(self._keys)
        reads = [self._keys]
        last = b""
        while self._ending is None:
            wanted = reads if self._connection.room else []
            readable, _, _ = select.select([self._wake, *wanted], [], [], _TICK_S)
            if self._wake in readable:
                os.read(self._wake, 4096)
                self._follow_size()
            if self._keys in readable:
                data = self._read_keys()
                if not data and is_terminal:
                    # the person's terminal is gone
                    return
                if not data:
                    # once ends a line that was begun, twice ends what reads
                    data = _END if last.endswith(b"\n") or not last else 2 * _END
                    reads = []
                self._connection.write(data)
                last = data
            self._connection.tick()

    def _read_keys(self) -> bytes:
        try:
            return os.read(self._keys, min(4096, self._connection.room))
        except OSError:
            return b""

    def _show(self) -> None:
        """Show what comes; in a thread of its own."""
        try:
            while True:
                received = self._connection.receive()
                if isinstance(received, TerminalExit):
                    self._ending = received
                    break
                while received:
                    received = received[os.write(self._output, received) :]
        except DebusineError as error:
            self._ending = error
        except OSError as error:
            self._ending = ConflictError(f"the output cannot be shown: {error.strerror}")
        os.write(self._waker, b"x")

    def _follow_size(self) -> None:
        size = size_of(self._keys)
        if size != self._size and os.isatty(self._keys):
            self._size = size
            self._connection.resize(*size)

    @contextlib.contextmanager
    def _person(self) -> Iterator[None]:
        """Take the person's terminal over: Ctrl-C goes to the program, sizes follow."""

        def changed(_signum: int, _frame: FrameType | None) -> None:
            os.write(self._waker, b"x")

        before = signal.signal(signal.SIGWINCH, changed)
        try:
            with raw(self._keys) if os.isatty(self._keys) else contextlib.nullcontext():
                yield
        finally:
            signal.signal(signal.SIGWINCH, before)


def attach(connection: TerminalConnection) -> int:
    """
    Connect standard input and output with a terminal that is open.

    :returns: exit status of what ran
    :raises DebusineError: if it did not end by itself
    """
    return Attachment(connection, keys=sys.stdin.fileno(), output=sys.stdout.fileno()).run()
