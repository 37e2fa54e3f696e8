# SPDX-License-Identifier: GPL-3.0-or-later
"""
Lend a person's terminal to a program that must not get hold of it.

Who holds a terminal can type on it. The program gets a terminal of its own, and
bytes are carried to and fro.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import signal
import termios
import tty
from collections.abc import Iterator
from types import FrameType

BLOCK_BYTES = 64 * 1024
# what is still shown of a program's output once it has ended
LAST_BLOCKS = 64


def relay(terminal: int, output: int, master: int, *, until: int) -> None:
    """
    Carry keys and output until a descriptor has something to read.

    The person's terminal is in raw mode meanwhile: Ctrl-C goes to the program. It also
    ends when the person's terminal is gone.

    :param terminal: what the person types on
    :param output: where the program's output is shown
    :param master: of the program's terminal; made non-blocking
    :param until: readable, or closed at its other end, when the program has ended
    """
    os.set_blocking(master, False)
    with raw(terminal), _same_size(terminal, master):
        _carry(terminal, output, master, until)
        for _ in range(LAST_BLOCKS):
            if not select.select([master], [], [], 0)[0] or not _show(master, output):
                break


def _carry(terminal: int, output: int, master: int, until: int) -> None:
    typed = b""
    reads = {terminal, master, until}
    while True:
        # what the program does not take yet waits, and so does the person
        wanted = reads if len(typed) < BLOCK_BYTES else reads - {terminal}
        readable, writable, _ = select.select(wanted, [master] if typed else [], [])
        if until in readable:
            return
        if master in readable and not _show(master, output):
            reads.discard(master)
        if terminal in readable:
            data = _read_keys(terminal)
            typed += data
            if not data:
                return
        if master in writable:
            with contextlib.suppress(BlockingIOError, OSError):
                typed = typed[os.write(master, typed) :]


def _read_keys(terminal: int) -> bytes:
    """Read what was typed; nothing once the person is gone."""
    try:
        return os.read(terminal, BLOCK_BYTES)
    except OSError:
        return b""


def _show(master: int, output: int) -> bool:
    """Show a piece of output; false if no more can come."""
    try:
        data = os.read(master, BLOCK_BYTES)
    except BlockingIOError:
        return True
    except OSError:
        # how Linux says that nobody has the other end open
        return False
    while data:
        data = data[os.write(output, data) :]
    return True


@contextlib.contextmanager
def raw(terminal: int) -> Iterator[None]:
    """Have a terminal pass on every key as it is, for a while."""
    before = termios.tcgetattr(terminal)
    try:
        tty.setraw(terminal, termios.TCSADRAIN)
        yield
    finally:
        # it may be gone
        with contextlib.suppress(termios.error):
            termios.tcsetattr(terminal, termios.TCSADRAIN, before)


@contextlib.contextmanager
def _same_size(terminal: int, master: int) -> Iterator[None]:
    def copy(_signum: int = 0, _frame: FrameType | None = None) -> None:
        with contextlib.suppress(OSError):
            size = fcntl.ioctl(terminal, termios.TIOCGWINSZ, bytes(8))
            fcntl.ioctl(master, termios.TIOCSWINSZ, size)

    copy()
    before = signal.signal(signal.SIGWINCH, copy)
    try:
        yield
    finally:
        signal.signal(signal.SIGWINCH, before)
