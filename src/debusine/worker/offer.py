# SPDX-License-Identifier: GPL-3.0-or-later
"""
What this machine has for the requests that it runs.

With one slot a request gets the whole machine, and nothing is said about it. With several,
they must share: processors, memory, and room for their files. Where these files lie in
memory, too, one half of it is for them.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from debusine.domain.resources import Offer
from debusine.worker.config import WorkerConfig
from debusine.worker.directories import choose_scratch_base, memory_info

_MIB = 1024**2
# of memory: what the machine needs for everything else
_LEFT_BYTES = 1024 * _MIB
_LEFT_FRACTION = 8


def make_offer(config: WorkerConfig, working: Path) -> Offer:
    """
    Look at this machine, and at what its administrator says.

    :param working: where the directories of tasks are made
    """
    if config.slots == 1:
        return Offer(memory_mib=config.memory_mib, disk_mib=config.disk_mib, cpu_count=config.cpus)
    scratch = choose_scratch_base(config.scratch_directory, working) or working
    memory, disk = share_out(
        memory_info()["MemTotal"],
        shutil.disk_usage(scratch).free,
        in_memory=is_in_memory(scratch),
    )
    # environments that are kept after their tasks lie there, too
    disk = max(0, disk - config.holds.set_aside_mib * _MIB)
    cpus = max(len(os.sched_getaffinity(0)), config.slots)
    return Offer(
        slots=config.slots,
        memory_mib=memory // _MIB if config.memory_mib is None else config.memory_mib,
        disk_mib=disk // _MIB if config.disk_mib is None else config.disk_mib,
        cpu_count=cpus if config.cpus is None else config.cpus,
    )


def share_out(memory_bytes: int, disk_bytes: int, *, in_memory: bool) -> tuple[int, int]:
    """
    Say how much memory and how much room for files tasks may have.

    :param memory_bytes: of the machine
    :param disk_bytes: free where tasks put their files
    :param in_memory: whether that is in memory, too

    >>> share_out(8 << 30, 50 << 30, in_memory=False) == (7 << 30, 50 << 30)
    True
    >>> share_out(8 << 30, 8 << 30, in_memory=True) == (7 << 29, 7 << 29)
    True
    """
    room = max(memory_bytes // 4, memory_bytes - max(_LEFT_BYTES, memory_bytes // _LEFT_FRACTION))
    if not in_memory:
        return room, disk_bytes
    disk = min(disk_bytes, room // 2)
    return room - disk, disk


def is_in_memory(path: Path, mounts: Path = Path("/proc/self/mounts")) -> bool:
    """Whether the files of a directory lie in memory."""
    resolved = path.resolve()
    found = (Path("/"), "")
    for line in mounts.read_text().splitlines():
        _, point, kind = line.split()[:3]
        inside = resolved.is_relative_to(point)
        # of several on one place, the last one counts
        if inside and len(Path(point).parts) >= len(found[0].parts):
            found = (Path(point), kind)
    return found[1] in ("tmpfs", "ramfs")
