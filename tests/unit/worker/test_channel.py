# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import asyncio
import json
import socket

import pytest

from debusine.errors import BugError
from debusine.worker.channel import (
    EXIT,
    LOG,
    RESULT,
    FrameError,
    FrameReader,
    TaskChannel,
    pack_message,
    read_frame,
    split_log,
)


async def frames(data: bytes) -> list[tuple[bytes, bytes]]:
    reader = asyncio.StreamReader()
    reader.feed_data(data)
    reader.feed_eof()
    found = []
    while (frame := await read_frame(reader)) is not None:
        found.append(frame)
    return found


async def test_what_a_task_says() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        channel = TaskChannel(theirs)
        channel.send(b"a\xff", "stderr")
        channel.send(b"", "stdout")
        channel.send_end(3)
        channel.send_result({"result": "success"})
        theirs.close()
        data = ours.recv(10000)
    log, end, result = await frames(data)
    assert log[0] == LOG
    assert split_log(log[1]) == ("stderr", b"a\xff")
    assert end == (EXIT, b"3")
    assert (result[0], json.loads(result[1])) == (RESULT, {"result": "success"})


async def test_large_output_is_cut() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        TaskChannel(theirs).send(b"x" * 100_000, "stdout")
        theirs.close()
        data = b"".join(iter(lambda: ours.recv(1 << 20), b""))
    pieces = [split_log(payload)[1] for _, payload in await frames(data)]
    assert [len(piece) for piece in pieces] == [65536, 34464]


def test_unknown_stream() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, pytest.raises(BugError, match="no such stream"):
        TaskChannel(theirs).send(b"x", "stdin")


async def test_cut_short() -> None:
    assert await frames(b"L\0\0\0\5ab") == []
    assert await frames(b"L\0") == []


async def test_nonsense() -> None:
    with pytest.raises(FrameError, match="frame of"):
        await frames(b"L\xff\xff\xff\xff")
    for payload in (b"", b"\x07abc"):
        with pytest.raises(FrameError, match="without a stream"):
            split_log(payload)


def test_messages_in_pieces() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        data = pack_message({"a": 1}) + pack_message({"b": 2})
        theirs.sendall(data[:9])
        reader = FrameReader(ours)
        assert reader.receive()
        assert reader.take() is None
        theirs.sendall(data[9:])
        theirs.close()
        assert reader.read() == {"a": 1}
        assert reader.take() == {"b": 2}
        assert reader.read() is None


def test_end_of_a_log_that_nobody_reads() -> None:
    ours, theirs = socket.socketpair()
    ours.close()
    with theirs:
        TaskChannel(theirs).send_end(0)
