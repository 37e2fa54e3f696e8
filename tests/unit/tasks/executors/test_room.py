# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

import pytest

from debusine.tasks.executors.room import (
    MIB,
    Memory,
    Place,
    choose_place,
    is_reachable_by_others,
    memory_of_machine,
)


@pytest.mark.parametrize(
    ("tree", "total", "available", "place"),
    [
        (500, 24000, 8000, Place.MEMORY),
        (500, 24000, 7011, Place.DISK),  # a quarter of all stays free
        (500, 3000, 2036, Place.MEMORY),
        (500, 3000, 2035, Place.DISK),  # one GiB at least stays free
        (5000, 8000, 7000, Place.DISK),
    ],
)
def test_place(tree: int, total: int, available: int, place: Place) -> None:
    memory = Memory(total=total * MIB, available=available * MIB)
    assert choose_place(tree * MIB, memory) is place
    assert choose_place(tree * MIB, memory, allowed=False) is Place.DISK


def test_reads_meminfo(tmp_path: Path) -> None:
    file = tmp_path / "meminfo"
    file.write_text("MemTotal:       2048 kB\nMemFree: 1 kB\nMemAvailable:   1024 kB\nX: 3\n")
    assert memory_of_machine(file) == Memory(total=2048 * 1024, available=1024 * 1024)


def test_reachable(tmp_path: Path) -> None:
    directory = tmp_path / "a" / "b"
    directory.mkdir(parents=True)
    (tmp_path / "a").chmod(0o700)
    assert not is_reachable_by_others(directory)
    assert is_reachable_by_others(Path("/usr/share"))
