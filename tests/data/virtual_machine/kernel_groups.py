# SPDX-License-Identifier: GPL-3.0-or-later
"""Run as root in a virtual machine, by pytest: control groups of a real kernel."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
from group_files import MIB, GroupFilesContract

from debusine.util.command import Command, run
from debusine.util.control_group import (
    KernelFiles,
    TaskGroup,
    enter,
    explain_limits,
    explain_machine,
    find_limits,
    memory_left,
    own_group,
)

TREE = Path("/sys/fs/cgroup")
NUMBERS = count()


class KernelUnit:
    """A group as systemd makes it for a unit, with a process that sleeps."""

    def __init__(self) -> None:
        TREE.mkdir(exist_ok=True)
        if not os.path.ismount(TREE):
            run(Command(["mount", "-t", "cgroup2", "cgroup2", str(TREE)]))
        (TREE / "cgroup.subtree_control").write_text("+memory +pids")
        self.files = KernelFiles()
        self.top = TREE / f"unit-{next(NUMBERS)}.service"
        self.top.mkdir()
        os.setxattr(self.top, "trusted.delegate", b"1")
        self.pid = os.fork()
        if not self.pid:
            signal.pause()
        self.files.write(self.top / "cgroup.procs", str(self.pid))

    def end_process(self) -> None:
        """Let the process end."""
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        self.pid = 0


@pytest.fixture
def unit() -> Iterator[KernelUnit]:
    made = KernelUnit()
    yield made
    if made.pid:
        made.end_process()


class TestKernelFiles(GroupFilesContract):
    """The tree of this kernel keeps the rules."""


def in_group(group: TaskGroup, work: Callable[[], int]) -> int:
    """Run something as a task does; exit status, or minus the signal that ended it."""
    pid = os.fork()
    if not pid:
        enter(group.path)
        os._exit(work())
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.fixture
def group(unit: KernelUnit) -> TaskGroup:
    made = find_limits(own=unit.top).limit("7-abc", memory_bytes=64 * MIB)
    assert made is not None
    return made


def test_a_task_that_needs_more_memory_is_ended(group: TaskGroup) -> None:
    assert in_group(group, lambda: len(bytearray(b"x") * (20 * MIB)) and 7) == 7
    assert not group.ran_out()
    assert in_group(group, lambda: len(bytearray(b"x") * (200 * MIB)) and 7) == -signal.SIGKILL
    assert group.ran_out()
    group.remove()
    assert not group.path.exists()


def test_files_in_memory_count(group: TaskGroup, tmp_path: Path) -> None:
    def write() -> int:
        with (tmp_path / "big").open("wb") as file:
            for _ in range(200):
                file.write(b"x" * MIB)
        return 0

    assert in_group(group, write) == -signal.SIGKILL
    assert group.ran_out()


def test_a_task_cannot_fork_without_end(group: TaskGroup) -> None:
    (group.path / "pids.max").write_text("20")

    def fork() -> int:
        made = 0
        with contextlib.suppress(BlockingIOError):
            while made < 100:
                if not os.fork():
                    time.sleep(1)
                    os._exit(0)
                made += 1
        for _ in range(made):
            os.wait()
        return made

    assert in_group(group, fork) == 19


def test_a_task_knows_what_it_may_use(group: TaskGroup) -> None:
    left = in_group(group, lambda: (memory_left() or 0) // MIB)
    assert 32 < left <= 64


def test_the_group_of_this_process(unit: KernelUnit) -> None:
    assert explain_machine() is None
    unit.files.make(unit.top / "below")
    pid = os.fork()
    if not pid:
        unit.files.write(unit.top / "below" / "cgroup.procs", "0")
        os._exit(own_group() != unit.top / "below")
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_a_group_that_nobody_gave_away_is_left_alone(unit: KernelUnit) -> None:
    os.removexattr(unit.top, "trusted.delegate")
    said = explain_limits(own=unit.top)
    assert said == f"the control group {unit.top} was not delegated to us"


if __name__ == "__main__":
    sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", "--basetemp=/tmp/pytest", __file__]))
