# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from debusine.server.attempt_log import AttemptLog

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def log(tmp_path: Path) -> AttemptLog:
    return AttemptLog(tmp_path, 1)


def add(log: AttemptLog, data: bytes, offset: int | None = None) -> int:
    return log.append(data, offset=offset, stream="stdout", timestamp=NOW)


def content(log: AttemptLog) -> bytes:
    return b"".join(log.read_bytes(0, log.size()))


def test_empty_log_has_no_bytes(log: AttemptLog) -> None:
    assert (log.size(), content(log), log.reader().read()) == (0, b"", [])


def test_repeated_bytes_count_once(log: AttemptLog) -> None:
    assert add(log, b"hello", 0) == 5
    assert add(log, b"hello", 0) == 5
    assert add(log, b"lo world", 3) == 11
    assert content(log) == b"hello world"


def test_gap_is_answered_with_the_own_size(log: AttemptLog) -> None:
    add(log, b"hello", 0)
    assert add(log, b"late", 9) == 5
    assert content(log) == b"hello"


def test_reader_resumes_in_the_middle_of_a_piece(log: AttemptLog) -> None:
    add(log, b"hello ")
    add(log, b"world")
    reader = log.reader(3)
    assert [(piece.offset, piece.data) for piece in reader.read()] == [(3, b"lo "), (6, b"world")]
    assert reader.read() == []
    add(log, b"!")
    assert [(piece.offset, piece.data) for piece in reader.read()] == [(11, b"!")]


def test_reader_stops_at_its_limit(log: AttemptLog) -> None:
    for _ in range(4):
        add(log, b"x" * 10)
    assert sum(len(piece.data) for piece in log.reader().read(limit_bytes=15)) == 20


def test_bytes_without_a_line_are_cut_off(log: AttemptLog, tmp_path: Path) -> None:
    add(log, b"kept")
    with (tmp_path / "1.log").open("ab") as file:
        file.write(b"never acknowledged")
    assert log.size() == 4
    assert add(log, b"!", 4) == 5
    assert content(log) == b"kept!"
    assert (tmp_path / "1.log").read_bytes() == b"kept!"


def test_unfinished_line_is_cut_off(log: AttemptLog, tmp_path: Path) -> None:
    add(log, b"kept")
    with (tmp_path / "1.index").open("ab") as file:
        file.write(b'{"offset": 4, "len')
    reader = log.reader()
    assert [piece.data for piece in reader.read()] == [b"kept"]
    assert add(log, b"more", 4) == 8
    assert [piece.data for piece in reader.read()] == [b"more"]


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 12)), max_size=30))
def test_any_order_of_overlapping_sends_gives_a_prefix(
    tmp_path_factory: pytest.TempPathFactory, sends: list[tuple[int, int]]
) -> None:
    truth = bytes(range(64))
    log = AttemptLog(tmp_path_factory.mktemp("logs"), 1)
    size = 0
    for offset, length in sends:
        after = add(log, truth[offset : offset + length], offset)
        assert after >= size
        size = after
    assert content(log) == truth[:size]
    assert b"".join(piece.data for piece in log.reader().read()) == truth[:size]
