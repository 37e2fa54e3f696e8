# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the file system of a sandbox goes: memory or disk, unpacked or layered."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from uuid import uuid4

from debusine.util.control_group import memory_left
from debusine.util.file_lock import try_lock, wait_lock

MIB = 1024**2
MIN_FREE_BYTES = 1024 * MIB  # of memory, left to everybody else
FREE_FRACTION = 4  # and a quarter of all of it
WORK_BYTES = 512 * MIB  # for what a task writes
_SHARE_TIMEOUT_S = 30.0


class Place(StrEnum):
    """What holds the tree."""

    MEMORY = "memory"
    DISK = "disk"


@dataclass(frozen=True, slots=True)
class Memory:
    """Memory of the machine, in bytes."""

    total: int
    available: int

    def room(self) -> int:
        """How much a sandbox may take; may be negative."""
        return self.available - max(MIN_FREE_BYTES, self.total // FREE_FRACTION)


def memory_of_machine(file: Path = Path("/proc/meminfo")) -> Memory:
    """
    Read how much memory there is.

    :source: proc(5), meminfo
    """
    values = {}
    for line in file.read_text().splitlines():
        name, _, amount = line.partition(":")
        values[name] = int(amount.split()[0]) * 1024
    return Memory(total=values["MemTotal"], available=values["MemAvailable"])


def memory_to_use() -> Memory:
    """Memory of the machine, as far as the limit of this process lets it have some."""
    return limited(memory_of_machine(), memory_left())


def limited(memory: Memory, left_bytes: int | None) -> Memory:
    """
    Cut memory to what may still be used of it; None: all.

    >>> limited(Memory(total=24000, available=20000), 3000)
    Memory(total=3000, available=3000)
    """
    if left_bytes is None:
        return memory
    return Memory(total=min(memory.total, left_bytes), available=min(memory.available, left_bytes))


def choose_place(tree_bytes: int, memory: Memory, *, allowed: bool = True) -> Place:
    """
    Memory if the tree and what a task writes leave enough for everybody else.

    :param allowed: whether memory may be used at all

    >>> choose_place(500 * MIB, Memory(total=24000 * MIB, available=20000 * MIB))
    <Place.MEMORY: 'memory'>
    >>> choose_place(500 * MIB, Memory(total=2000 * MIB, available=1500 * MIB))
    <Place.DISK: 'disk'>
    """
    fits = memory.room() >= tree_bytes + WORK_BYTES
    return Place.MEMORY if allowed and fits else Place.DISK


@dataclass(frozen=True, kw_only=True, slots=True)
class Share:
    """
    What a sandbox gets of the memory.

    :param memory_bytes: how much its files may take there
    :param hold: open file that others see the share by, until all who have it close it
    """

    place: Place
    memory_bytes: int
    hold: tuple[int, ...] = ()


def share_bytes(tree_bytes: int, memory: Memory) -> int:
    """
    Half of the room, so that some is left for who comes next; at least what is needed.

    >>> share_bytes(0, Memory(total=8000 * MIB, available=7000 * MIB)) // MIB
    2500
    >>> share_bytes(2000 * MIB, Memory(total=8000 * MIB, available=5000 * MIB)) // MIB
    2512
    """
    return max(memory.room() // 2, tree_bytes + WORK_BYTES)


@contextmanager
def take_share(
    directory: Path,
    tree_bytes: int,
    memory: Memory,
    *,
    allowed: bool = True,
    limit_bytes: int | None = None,
) -> Iterator[Share]:
    """
    Promise a part of the memory to a sandbox; what others were promised is not given again.

    What they use of it already counts twice, so that it is rather too little than too much.

    :param directory: where promises are kept, the same for all who share the memory
    :param allowed: whether memory may be used at all
    :param limit_bytes: what it gets at most
    """
    directory.mkdir(parents=True, exist_ok=True)
    with wait_lock(directory / ".lock", timeout_s=_SHARE_TIMEOUT_S):
        taken = sum(_promised_bytes(path) for path in directory.glob("*.share"))
        left = replace(memory, available=memory.available - taken)
        place = choose_place(tree_bytes, left, allowed=allowed)
        size = share_bytes(tree_bytes, left) if place is Place.MEMORY else WORK_BYTES
        size = size if limit_bytes is None else min(size, limit_bytes)
        path = directory / f"{uuid4().hex}.share"
        promise = wait_lock(path, timeout_s=_SHARE_TIMEOUT_S)
        promise.write(str(size))
    with promise:
        yield Share(place=place, memory_bytes=size, hold=(promise.fileno(),))


def _promised_bytes(path: Path) -> int:
    """What somebody was promised who still lives; the file goes with the last such one."""
    ended = try_lock(path)
    if ended is None:
        return int(path.read_text())
    with ended:
        path.unlink()
    return 0


def is_reachable_by_others(path: Path) -> bool:
    """Whether users who own nothing of it can enter every directory down to a path."""
    resolved = path.resolve()
    return all(directory.stat().st_mode & 0o001 for directory in (resolved, *resolved.parents))


def keeps_user_attributes(directory: Path) -> bool:
    """
    Whether files here can have ``user.`` attributes, as layers of an overlay need.

    Memory-backed file systems have them since Linux 6.6.
    """
    with tempfile.TemporaryFile(dir=directory) as probe:
        try:
            os.setxattr(probe.fileno(), "user.debusine", b"1")
        except OSError:
            return False
    return True
