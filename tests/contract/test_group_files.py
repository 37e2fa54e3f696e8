# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.contract.group_files import GroupFilesContract

import debusine
from debusine.testing.control_group import FakeGroupFiles
from debusine.testing.virtual_machine import make_virtual_machine

TESTS = Path(__file__).parents[1]


class FakeUnit:
    """A group in memory, with one process."""

    def __init__(self) -> None:
        self.top = Path("/sys/fs/cgroup/unit.service")
        self.pid = 10
        self.files = FakeGroupFiles(self.top, pids=[self.pid])

    def end_process(self) -> None:
        """Let the process end."""
        for group in [self.top, *self.files.groups(self.top)]:
            self.files.end_processes(group)


@pytest.fixture
def unit() -> FakeUnit:
    return FakeUnit()


class TestFakeGroupFiles(GroupFilesContract):
    """The fake keeps the rules of the kernel."""


@pytest.mark.real
@pytest.mark.root
@pytest.mark.timeout(600)
def test_a_real_kernel(tmp_path: Path) -> None:
    """
    The same rules, and what limits do to real processes.

    The machine that tests run on seldom lets us make groups, so it is a virtual one.
    """
    machine = make_virtual_machine(
        tmp_path, packages=("python3", "python3-pytest", "python3-structlog")
    )
    place = machine.root / "opt"
    shutil.copytree(Path(debusine.__file__).parent, place / "debusine")
    for path in (
        TESTS / "contract/group_files.py",
        TESTS / "data/virtual_machine/kernel_groups.py",
    ):
        shutil.copy(path, place)
    status, said = machine.run("cd /opt && PYTHONPATH=/opt python3 kernel_groups.py")
    assert status == 0, said
    assert "11 passed" in said
