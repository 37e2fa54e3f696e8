# SPDX-License-Identifier: GPL-3.0-or-later
"""Logs arrive as they were written, whatever happens to connections on the way."""

from __future__ import annotations

import asyncio
import itertools
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from debusine.wire.worker import LogFrameHeader, pack_log_frame, unpack_log_frame
from debusine.worker.log_stream import LogLimits, LogStreamer
from debusine.worker.spool import Spool
from debusine.worker.text_log import TextLog

STREAMS = st.sampled_from(["stdout", "stderr", "internal"])
MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


@given(data=st.binary(max_size=2000), stream=STREAMS, offset=st.integers(0, 2**50))
def test_frames_come_out_as_they_went_in(data: bytes, stream: str, offset: int) -> None:
    header = LogFrameHeader.model_validate(
        {"work_request_id": 3, "offset": offset, "stream": stream, "timestamp": MOMENT}
    )
    assert unpack_log_frame(pack_log_frame(header, data)) == (header, data)


@given(st.binary(max_size=200))
def test_garbage_is_refused(frame: bytes) -> None:
    with pytest.raises((ValueError, ValidationError)):
        unpack_log_frame(frame)


class Receiver:
    """The server's side of the contract: appends, refuses gaps, says what it has."""

    def __init__(self) -> None:
        self.stored = bytearray()

    def receive(self, frame: bytes) -> int:
        header, data = unpack_log_frame(frame)
        assert header.offset <= len(self.stored), "a gap"
        known = self.stored[header.offset : header.offset + len(data)]
        assert known == data[: len(known)], "other bytes than before"
        self.stored += data[len(self.stored) - header.offset :]
        return len(self.stored)


ACTIONS = st.one_of(
    st.tuples(st.just("write"), st.binary(max_size=300), STREAMS),
    st.tuples(st.just("send")),
    st.tuples(st.just("send and lose the answer")),
    st.tuples(st.just("send and lose the frame")),
    st.tuples(st.just("reconnect to a server that says what it has")),
    st.tuples(st.just("reconnect to a server that says nothing")),
)


@settings(deadline=None)
@given(st.lists(ACTIONS, max_size=40))
def test_nothing_is_lost_or_repeated(actions: list[tuple[object, ...]]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(_play(Path(directory), actions))
        assert list(Path(directory).iterdir()) == []


async def _play(directory: Path, actions: list[tuple[object, ...]]) -> None:
    streamer = LogStreamer(
        3,
        Spool(directory, segment_bytes=100),
        changed=lambda: None,
        limits=LogLimits(window_bytes=500, flush_s=1000),
    )
    receiver, written = Receiver(), b""
    for name, *arguments in actions:
        if name == "write":
            data, stream = arguments
            streamer.write(data, stream)  # type: ignore[arg-type]  drawn so
            written += data  # type: ignore[operator]  drawn so
            streamer.flush()
        elif name == "reconnect to a server that says what it has":
            streamer.rewind(len(receiver.stored))
        elif name == "reconnect to a server that says nothing":
            streamer.rewind()
        else:
            _send(streamer, receiver, str(name))
    streamer.end(0)
    streamer.rewind()
    while not (streamer.all_sent and streamer.acknowledged == len(written)):
        _send(streamer, receiver, "send")
    assert receiver.stored == written
    streamer.close()


def _send(streamer: LogStreamer, receiver: Receiver, name: str) -> None:
    piece = streamer.take()
    if piece is None:
        return
    frame = pack_log_frame(*piece)
    if name == "send and lose the frame":
        # a frame is lost only together with its connection
        streamer.rewind()
        return
    offset = receiver.receive(frame)
    if name == "send":
        streamer.acknowledge(offset)


@given(st.text(max_size=200), st.lists(st.integers(0, 300), max_size=6))
def test_text_frames_keep_characters_whole(text: str, cuts: list[int]) -> None:
    data = text.encode(errors="replace")
    places = sorted({0, len(data), *(min(cut, len(data)) for cut in cuts)})
    log = TextLog()
    pieces = [
        log.decode(data[start:end], "stdout", last=end == len(data))
        for start, end in itertools.pairwise(places)
    ]
    assert "".join(pieces) == data.decode()
