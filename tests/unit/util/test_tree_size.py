# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import time
from pathlib import Path

from debusine.util.tree_size import TreeMeter, read_size, tree_bytes

KIB = 1024


def fill(path: Path, kib: int) -> Path:
    (path / "deep").mkdir(parents=True)
    (path / "deep/file").write_bytes(b"x" * kib * KIB)
    return path


def test_trees_are_measured_together(tmp_path: Path) -> None:
    one, two = fill(tmp_path / "one", 300), fill(tmp_path / "two", 500)
    fill(tmp_path / "other", 4000)
    # directories take some, too
    assert 800 * KIB <= (tree_bytes(one, two, tmp_path / "gone") or 0) < 1000 * KIB


def test_a_meter_never_waits(tmp_path: Path) -> None:
    meter = TreeMeter(fill(tmp_path / "one", 300))
    for _ in range(2):
        assert meter.poll() is None
        while (size := meter.poll()) is None:
            time.sleep(0.01)
        assert 300 * KIB <= size < 500 * KIB


def test_nothing_to_read_is_unknown() -> None:
    assert read_size(b"") is None
    assert read_size(b"du: no\n") is None
    assert read_size(b"5\t/a\n7\ttotal\n") == 7
