# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

import pytest

from debusine.worker.spool import Spool


def test_bytes_by_offset(tmp_path: Path) -> None:
    spool = Spool(tmp_path, segment_bytes=10)
    assert [spool.append(piece) for piece in (b"abcdef", b"ghijkl", b"mno")] == [0, 6, 12]
    assert spool.size == 15
    assert spool.read(0, 6) == b"abcdef"
    assert spool.read(2, 3) == b"cde"
    assert spool.read(12, 3) == b"mno"


def test_released_files_are_deleted(tmp_path: Path) -> None:
    spool = Spool(tmp_path, segment_bytes=4)
    for number in range(5):
        spool.append(b"%d" % number * 4)
    assert len(list(tmp_path.iterdir())) == 5
    spool.release(8)
    assert len(list(tmp_path.iterdir())) == 3
    assert spool.read(8, 4) == b"2222"
    spool.release(20)
    assert len(list(tmp_path.iterdir())) == 1
    spool.append(b"x")
    assert spool.read(20, 1) == b"x"
    spool.close()
    assert list(tmp_path.iterdir()) == []


def test_what_is_not_there(tmp_path: Path) -> None:
    spool = Spool(tmp_path, segment_bytes=4)
    spool.append(b"abcd")
    with pytest.raises(ValueError, match="does not hold 2 bytes at 3"):
        spool.read(3, 2)


def test_files_are_private(tmp_path: Path) -> None:
    Spool(tmp_path).append(b"x")
    assert [path.stat().st_mode & 0o777 for path in tmp_path.iterdir()] == [0o600]
