# SPDX-License-Identifier: GPL-3.0-or-later
"""What every tree of control groups has to do: ours in memory, and that of a kernel."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import pytest

from debusine.util.control_group import (
    AGENT_GROUP,
    MAX_PROCESSES,
    GroupFiles,
    explain_limits,
    find_limits,
    memory_left,
)

MIB = 1024**2
NO_PID = 2**22


class Unit(Protocol):
    """A group that somebody gave away, with one process in it."""

    files: GroupFiles
    top: Path
    pid: int

    def end_process(self) -> None:
        """Let the process end."""
        ...


@contextmanager
def refused(number: int) -> Iterator[None]:
    """Expect the error of a system call."""
    with pytest.raises(OSError) as caught:  # noqa: PT011  the number is what matters
        yield
    assert caught.value.errno == number, errno.errorcode[caught.value.errno or 0]


class GroupFilesContract:
    """The rules of the kernel that we build on."""

    def test_a_group_holds_processes_or_hands_controllers_down(self, unit: Unit) -> None:
        with refused(errno.EBUSY):
            unit.files.write(unit.top / "cgroup.subtree_control", "+memory +pids")
        unit.files.make(unit.top / "below")
        unit.files.write(unit.top / "below" / "cgroup.procs", str(unit.pid))
        assert unit.files.read(unit.top / "cgroup.procs") == ""
        assert unit.files.read(unit.top / "below" / "cgroup.procs") == f"{unit.pid}\n"
        unit.files.write(unit.top / "cgroup.subtree_control", "+memory +pids")
        with refused(errno.EBUSY):
            unit.files.write(unit.top / "cgroup.procs", str(unit.pid))

    def test_only_empty_groups_can_be_removed(self, unit: Unit) -> None:
        group = unit.top / "below"
        unit.files.make(group)
        unit.files.make(group)
        unit.files.make(group / "inner")
        assert unit.files.groups(unit.top) == [group]
        with refused(errno.EBUSY):
            unit.files.remove(group)
        unit.files.remove(group / "inner")
        unit.files.write(group / "cgroup.procs", str(unit.pid))
        with refused(errno.EBUSY):
            unit.files.remove(group)
        unit.end_process()
        unit.files.remove(group)
        with refused(errno.ENOENT):
            unit.files.remove(group)

    def test_limits_are_there_where_the_group_above_hands_them_down(self, unit: Unit) -> None:
        unit.end_process()
        assert {"memory", "pids"} <= set(unit.files.read(unit.top / "cgroup.controllers").split())
        unit.files.make(unit.top / "without")
        with refused(errno.ENOENT):
            unit.files.read(unit.top / "without" / "memory.max")
        unit.files.write(unit.top / "cgroup.subtree_control", "+memory +pids")
        unit.files.make(unit.top / "with")
        assert unit.files.read(unit.top / "with" / "memory.max").strip() == "max"
        assert unit.files.read(unit.top / "with" / "pids.max").strip() == "max"
        # one that this kernel has, but did not hand down to the unit
        with refused(errno.ENOENT):
            unit.files.write(unit.top / "cgroup.subtree_control", "+io")

    def test_an_unknown_process_cannot_be_moved(self, unit: Unit) -> None:
        unit.files.make(unit.top / "below")
        with refused(errno.ESRCH):
            unit.files.write(unit.top / "below" / "cgroup.procs", str(NO_PID))

    def test_our_groups_on_it(self, unit: Unit) -> None:
        assert explain_limits(unit.files, own=unit.top) is None
        limits = find_limits(unit.files, own=unit.top)
        agent = unit.top / AGENT_GROUP
        assert unit.files.read(agent / "cgroup.procs") == f"{unit.pid}\n"
        group = limits.limit("7-abc", memory_bytes=64 * MIB)
        assert group is not None
        assert unit.files.read(group.path / "memory.max").strip() == str(64 * MIB)
        assert unit.files.read(group.path / "pids.max").strip() == str(MAX_PROCESSES)
        assert memory_left(unit.files, own=group.path) == 64 * MIB
        assert memory_left(unit.files, own=agent) is None
        assert not group.ran_out()
        # an agent that is started again clears away what the last one left
        unit.files.make(group.path / "inner")
        find_limits(unit.files, own=agent)
        assert unit.files.groups(unit.top) == [agent]
        group.remove()
