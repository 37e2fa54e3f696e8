# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from debusine.wire.worker import MAX_LOG_CHUNK_BYTES
from debusine.worker.log_stream import LogLimits, LogStreamer
from debusine.worker.spool import Spool


class Changes:
    """Counts how often there was something new."""

    count = 0

    def __call__(self) -> None:
        self.count += 1


@pytest.fixture
def changes() -> Changes:
    return Changes()


@pytest.fixture
def streamer(tmp_path: Path, changes: Changes) -> LogStreamer:
    limits = LogLimits(cap_bytes=1000, window_bytes=200, flush_s=0.01)
    return LogStreamer(7, Spool(tmp_path), changed=changes, limits=limits)


def taken(streamer: LogStreamer) -> list[tuple[int, str, bytes]]:
    found = []
    while (piece := streamer.take()) is not None:
        header, data = piece
        assert header.work_request_id == 7
        found.append((header.offset, header.stream, data))
    return found


async def test_pieces_of_one_stream_are_joined(streamer: LogStreamer) -> None:
    for piece in (b"a", b"b", b"c"):
        streamer.write(piece, "stdout")
    assert taken(streamer) == []
    streamer.flush()
    assert taken(streamer) == [(0, "stdout", b"abc")]
    assert taken(streamer) == []


async def test_another_stream_forces_the_first_out(streamer: LogStreamer) -> None:
    streamer.write(b"a", "stdout")
    streamer.write(b"b", "stderr")
    streamer.end(0)
    assert taken(streamer) == [(0, "stdout", b"a"), (1, "stderr", b"b")]


async def test_time_forces_output_out(streamer: LogStreamer, changes: Changes) -> None:
    streamer.write(b"a", "stdout")
    assert changes.count == 0
    for _ in range(100):
        await asyncio.sleep(0.005)
        if changes.count:
            break
    assert taken(streamer) == [(0, "stdout", b"a")]


async def test_large_output_is_cut(tmp_path: Path, changes: Changes) -> None:
    streamer = LogStreamer(7, Spool(tmp_path), changed=changes)
    data = bytes(range(256)) * 600
    streamer.write(data, "stdout")
    streamer.end(0)
    pieces = taken(streamer)
    assert [len(piece[2]) for piece in pieces] == [MAX_LOG_CHUNK_BYTES] * 2 + [22528]
    assert b"".join(piece[2] for piece in pieces) == data


async def test_waits_for_the_server(streamer: LogStreamer) -> None:
    for _ in range(3):
        streamer.write(b"x" * 150, "stdout")
        streamer.flush()
    assert [piece[0] for piece in taken(streamer)] == [0, 150]
    streamer.acknowledge(150)
    assert [piece[0] for piece in taken(streamer)] == [300]
    assert streamer.all_sent


async def test_goes_on_in_the_middle_of_a_piece(streamer: LogStreamer) -> None:
    streamer.write(b"abcdef", "stdout")
    streamer.flush()
    taken(streamer)
    streamer.write(b"gh", "stderr")
    streamer.flush()
    streamer.rewind(4)
    assert taken(streamer) == [(4, "stdout", b"ef"), (6, "stderr", b"gh")]


async def test_goes_on_after_the_last_acknowledgement(streamer: LogStreamer) -> None:
    for piece in (b"ab", b"cd", b"ef"):
        streamer.write(piece, "stdout")
        streamer.flush()
    taken(streamer)
    streamer.acknowledge(2)
    streamer.rewind()
    assert taken(streamer) == [(2, "stdout", b"cd"), (4, "stdout", b"ef")]


async def test_a_full_queue_makes_the_task_wait(streamer: LogStreamer) -> None:
    await asyncio.wait_for(streamer.wait_for_room(), 1)
    streamer.write(b"x" * 1000, "stdout")
    streamer.flush()
    waiting = asyncio.create_task(streamer.wait_for_room())
    await asyncio.sleep(0)
    assert not waiting.done()
    streamer.acknowledge(1)
    await asyncio.wait_for(waiting, 1)


async def test_wait_until_acknowledged(streamer: LogStreamer) -> None:
    streamer.write(b"x", "stdout")
    streamer.end(0)
    assert not await streamer.wait_until_acknowledged(0.01)
    waiting = asyncio.create_task(streamer.wait_until_acknowledged(5))
    await asyncio.sleep(0)
    streamer.acknowledge(1)
    assert await waiting


async def test_acknowledgements_beyond_the_end_are_cut(streamer: LogStreamer) -> None:
    streamer.write(b"ab", "stdout")
    streamer.flush()
    streamer.acknowledge(99)
    assert streamer.acknowledged == 2
    streamer.write(b"cd", "stdout")
    streamer.flush()
    assert taken(streamer) == [(2, "stdout", b"cd")]


async def test_full_disk_is_told_to_the_writer(tmp_path: Path, changes: Changes) -> None:
    streamer = LogStreamer(7, Spool(tmp_path / "missing"), changed=changes)
    with pytest.raises(OSError, match="missing"):
        streamer.write(b"x" * MAX_LOG_CHUNK_BYTES, "stdout")
