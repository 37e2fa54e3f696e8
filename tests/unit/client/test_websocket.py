# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from debusine.client.websocket import LogChunk, LogPosition
from debusine.wire.worker import LogData

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


def frame(data: str, **more: Any) -> LogData:
    return LogData(data=data, stream="stdout", timestamp=MOMENT, **more)


def chunk(data: str, **more: Any) -> LogChunk:
    return LogChunk(data=data.encode(), stream="stdout", **more)


def test_the_server_says_how_many_bytes_a_text_stands_for() -> None:
    position = LogPosition(10)
    first = frame("\ufffd", offset=10, length=1, attempt=1)
    assert position.take(first) == chunk("\ufffd", offset=10, attempt=1)
    assert position.query() == "offset=11&attempt=1"


def test_what_is_known_is_left_out() -> None:
    position = LogPosition(0)
    assert position.take(frame("abc", offset=0, length=3, attempt=1)) is not None
    assert position.take(frame("abc", offset=0, length=3, attempt=1)) is None
    again = position.take(frame("def", offset=3, length=3, attempt=1))
    assert again == chunk("def", offset=3, attempt=1)


def test_another_attempt_begins_at_the_beginning() -> None:
    position = LogPosition(0)
    position.take(frame("a long log", offset=0, length=10, attempt=1))
    begun = position.take(frame("anew", offset=0, length=4, attempt=2))
    assert begun == chunk("anew", offset=0, attempt=2)
    assert position.query() == "offset=4&attempt=2"


def test_a_server_that_counts_no_bytes() -> None:
    position = LogPosition(0)
    assert position.take(frame("é")) == chunk("é", offset=0)
    assert position.query() == "offset=2"
