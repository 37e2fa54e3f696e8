# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from debusine.client.websocket import LogPosition


def test_offsets_of_the_server_count() -> None:
    position = LogPosition(10)
    assert position.take("abc", 10, 3) == b"abc"
    assert (position.start, position.resume_at) == (10, 13)
    assert position.take("\ufffd", 13, 1) == "\ufffd".encode()
    assert (position.start, position.resume_at) == (13, 14)


def test_what_is_known_is_left_out() -> None:
    position = LogPosition(0)
    assert position.take("abc", 0, 3) == b"abc"
    assert position.take("abc", 0, 3) is None
    assert position.take("def", 3, 3) == b"def"


def test_doubtful_length_is_asked_for_again() -> None:
    position = LogPosition(0)
    assert position.take("a\ufffd", 0, None) == "a\ufffd".encode()
    assert position.resume_at == 0
    # the connection breaks; the server shows the same, then more in one piece
    assert position.take("a\ufffd", 0, None) is None
    assert position.take("a\ufffdb", 0, None) == b"b"
    assert position.take("c", 3, None) == b"c"
    assert position.resume_at == 4


def test_server_without_offsets() -> None:
    position = LogPosition(0)
    assert position.take("ab", None, None) == b"ab"
    assert position.take("é", None, None) == "é".encode()
    assert position.resume_at == 4
