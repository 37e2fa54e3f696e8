# SPDX-License-Identifier: GPL-3.0-or-later
"""Two terminals connected: the person's, and that of a program that must not have it."""

from __future__ import annotations

import fcntl
import os
import struct
import termios
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from debusine.util.pseudo_terminal import relay


@dataclass
class Desk:
    """A person at a terminal, a program at another, and a way to say that it ended."""

    person: int
    terminal: int
    master: int
    program: int
    ended: int
    until: int
    descriptors: list[int] = field(default_factory=list)

    def size(self) -> tuple[int, int]:
        """Rows and columns of the program's terminal."""
        rows, columns, _, _ = struct.unpack(
            "HHHH", fcntl.ioctl(self.program, termios.TIOCGWINSZ, bytes(8))
        )
        return rows, columns

    def wait_until_connected(self) -> None:
        """Wait until what is typed goes through; before that, this terminal edits lines."""
        while termios.tcgetattr(self.terminal)[3] & termios.ICANON:
            time.sleep(0.005)

    def relay(self) -> None:
        relay(self.terminal, self.terminal, self.master, until=self.until)


@pytest.fixture
def desk() -> Iterator[Desk]:
    person, terminal = os.openpty()
    master, program = os.openpty()
    until, ended = os.pipe()
    fcntl.ioctl(person, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 101, 0, 0))
    yield Desk(person, terminal, master, program, ended, until)
    for descriptor in (person, terminal, master, program, ended, until):
        try:
            os.close(descriptor)
        except OSError:
            continue


def read(descriptor: int, wanted: bytes) -> bytes:
    data = b""
    while wanted not in data:
        data += os.read(descriptor, 65536)
    return data


def test_keys_go_there_and_output_comes_back(desk: Desk) -> None:
    before = termios.tcgetattr(desk.terminal)
    seen: dict[str, object] = {}

    def person() -> None:
        desk.wait_until_connected()
        os.write(desk.person, b"ls\r")
        # the program's terminal echoes; ours, which is raw, does not
        seen["echo"] = read(desk.person, b"\n")
        seen["line"] = os.read(desk.program, 100)
        seen["size"] = desk.size()
        os.write(desk.program, b"answer\n")
        seen["answer"] = read(desk.person, b"answer\r\n")
        os.write(desk.program, b"last words\n")
        os.close(desk.ended)

    thread = threading.Thread(target=person)
    thread.start()
    desk.relay()
    thread.join()

    assert seen == {
        "echo": b"ls\r\n",
        "line": b"ls\n",
        "size": (33, 101),
        "answer": b"answer\r\n",
    }
    # what it said at its end is shown although it has ended
    assert read(desk.person, b"\n") == b"last words\r\n"
    assert termios.tcgetattr(desk.terminal) == before


def test_a_program_that_reads_nothing_can_still_say_something(desk: Desk) -> None:
    flags = termios.tcgetattr(desk.program)
    flags[3] &= ~(termios.ICANON | termios.ECHO)
    termios.tcsetattr(desk.program, termios.TCSANOW, flags)
    pasted = b"x" * 1_000_000

    def paste() -> None:
        desk.wait_until_connected()
        data = pasted
        while data:
            data = data[os.write(desk.person, data[:4096]) :]

    def program() -> None:
        os.write(desk.program, b"busy\n")
        read(desk.person, b"busy")
        left = len(pasted)
        while left:
            left -= len(os.read(desk.program, 65536))
        os.close(desk.ended)

    threads = [threading.Thread(target=paste), threading.Thread(target=program)]
    for thread in threads:
        thread.start()
    desk.relay()
    for thread in threads:
        thread.join()


def test_ends_when_the_person_is_gone(desk: Desk) -> None:
    def person() -> None:
        desk.wait_until_connected()
        os.write(desk.person, b"ls\r")
        read(desk.person, b"\n")
        os.close(desk.person)

    thread = threading.Thread(target=person)
    thread.start()
    desk.relay()
    thread.join()
    assert os.read(desk.program, 100) == b"ls\n"
