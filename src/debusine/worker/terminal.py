# SPDX-License-Identifier: GPL-3.0-or-later
"""One terminal in a kept environment: bytes to and fro, size, end."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import struct
import subprocess
import termios
from collections.abc import Callable

from debusine.tasks.kept_environment import KeptEnvironment
from debusine.util.byte_stream import WINDOW_BYTES, Incoming, Outgoing
from debusine.wire.base import WireModel
from debusine.wire.terminal import (
    TerminalAck,
    TerminalClose,
    TerminalData,
    TerminalExit,
    TerminalOpen,
    TerminalResize,
)
from debusine.worker.processes import descendants

SILENCE_S = 60.0
"""Whoever is not heard of for so long is gone."""
_RESEND_S = 1.0
# how long what was shown last may take to get through
_LAST_WORDS_S = 10.0
_READ_BYTES = 16 * 1024
_SHELL = ["sh", "-c", "command -v bash >/dev/null && exec bash --norc -i; exec sh -i"]

Send = Callable[[WireModel], None]


class Terminal:
    """
    A command on a terminal of its own, and its way to the person.

    :param wanted: what runs, how large the terminal is
    :param send: passes a frame on; may lose it
    :param now: monotonic time, in seconds, as for all methods
    :raises InstanceError: if it cannot be opened, also OSError
    """

    def __init__(
        self, environment: KeptEnvironment, wanted: TerminalOpen, send: Send, *, now: float
    ) -> None:
        self.number = wanted.terminal
        self._send = send
        self._out, self._in = Outgoing(), Incoming()
        self._typed = b""
        self._idle_s = float(wanted.idle_s)
        self._typed_at = self._heard_at = self._sent_at = now
        self._ended_at: float | None = None
        self._exit = TerminalExit(terminal=self.number)
        self.is_closed = False
        self.master, slave = os.openpty()
        try:
            os.set_blocking(self.master, False)
            _resize(slave, wanted.rows, wanted.columns)
            self._process = _start(environment, wanted, slave)
        except BaseException:
            os.close(self.master)
            raise
        finally:
            os.close(slave)

    @property
    def wants_output(self) -> bool:
        """Whether more of what is shown can be taken now."""
        return not self.is_closed and self._ended_at is None and self._out.room >= _READ_BYTES

    @property
    def wants_to_write(self) -> bool:
        """Whether something was typed that its program has not got yet."""
        return bool(self._typed) and self._ended_at is None

    def take(self, frame: WireModel, *, now: float) -> None:
        """Do what the person, or the server, asks for."""
        self._heard_at = now
        match frame:
            case TerminalData():
                self._take_typed(frame, now=now)
            case TerminalAck():
                self._out.acknowledge(frame.offset)
                self._pump(now)
            case TerminalResize():
                with contextlib.suppress(OSError):
                    _resize(self.master, frame.rows, frame.columns)
            case TerminalClose():
                self.end(frame.reason or "it was closed", now=now)
            case _:
                # that somebody is there is all that it says
                pass

    def _take_typed(self, frame: TerminalData, *, now: float) -> None:
        room = WINDOW_BYTES - len(self._typed)
        # what does not fit is sent again
        fresh = self._in.take(frame.offset, frame.data[: max(0, room)])
        if fresh:
            self._typed += fresh
            self._typed_at = now
            self.write()
        self._send(TerminalAck(terminal=self.number, offset=self._in.offset))

    def write(self) -> None:
        """Give the program what was typed, as far as it takes it."""
        with contextlib.suppress(OSError):
            self._typed = self._typed[os.write(self.master, self._typed) :]

    def read(self, *, now: float) -> None:
        """Take what the program shows."""
        try:
            data = os.read(self.master, _READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            # how Linux says that nobody has the other end open
            data = b""
        if not data:
            self._end_with_program(now)
            return
        self._out.write(data)
        self._pump(now)

    def tick(self, *, now: float) -> None:
        """Do what is due; to be called some times a second."""
        if self._ended_at is None:
            if now - self._typed_at >= self._idle_s:
                minutes = round(self._idle_s / 60)
                self.end(f"nothing was typed for {minutes} minutes", now=now)
            elif now - self._heard_at >= SILENCE_S:
                self.end("nothing was heard from the other side", now=now)
            elif self._process.poll() is not None and self.wants_output:
                # something that it left behind may still have the terminal open
                self._read_rest(now)
        if self._out.is_waiting and now - self._sent_at >= _RESEND_S:
            self._out.rewind()
        self._pump(now)
        if self._ended_at is not None:
            is_late = now - self._ended_at >= _LAST_WORDS_S
            if self._out.is_done or is_late or self._exit.exit_code is None:
                self._send(self._exit)
                self.close()

    def end(self, reason: str, *, now: float) -> None:
        """End what runs in it."""
        if self._ended_at is None:
            self._exit = TerminalExit(terminal=self.number, reason=reason)
            self._ended_at = now
            self._kill()

    def close(self) -> None:
        """Let nothing of it go on."""
        if not self.is_closed:
            self.is_closed = True
            self._kill()
            os.close(self.master)

    def _read_rest(self, now: float) -> None:
        while self._ended_at is None and self.wants_output:
            try:
                data = os.read(self.master, _READ_BYTES)
            except OSError:
                data = b""
            if not data:
                self._end_with_program(now)
                return
            self._out.write(data)

    def _end_with_program(self, now: float) -> None:
        """Nothing is shown any more: the program has ended, or is about to."""
        try:
            code = self._process.wait(_RESEND_S)
        except subprocess.TimeoutExpired:
            # it gave its terminal away; nobody can see or stop it
            self.end("its program closed it", now=now)
            return
        shown = code if code >= 0 else 128 - code
        self._exit = TerminalExit(terminal=self.number, exit_code=shown)
        self._ended_at = now

    def _pump(self, now: float) -> None:
        while (piece := self._out.take()) is not None:
            offset, data = piece
            self._sent_at = now
            self._send(TerminalData(terminal=self.number, offset=offset, data=data))

    def _kill(self) -> None:
        for pid in [*descendants(self._process.pid), self._process.pid]:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait()


def _start(
    environment: KeptEnvironment, wanted: TerminalOpen, slave: int
) -> subprocess.Popen[bytes]:
    prompt = "#" if wanted.is_root else r"\$"
    variables = {
        "TERM": wanted.term,
        "LANG": "C.UTF-8",
        "SHELL": "/bin/sh",
        "PS1": f"[held {wanted.work_request_id}] \\w{prompt} ",
    }
    argv = environment.command(
        wanted.command or _SHELL, is_root=wanted.is_root, variables=variables
    )
    return environment.instance.popen(
        argv,
        cwd=environment.directory,
        run_as_root=True,
        stdin=slave,
        stdout=slave,
        stderr=slave,
    )


def _resize(descriptor: int, rows: int, columns: int) -> None:
    fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
