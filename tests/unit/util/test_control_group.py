# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

import pytest

from debusine.errors import NotPossibleError
from debusine.testing.control_group import FakeGroupFiles
from debusine.util.control_group import (
    AGENT_GROUP,
    explain_limits,
    explain_machine,
    find_limits,
    memory_left,
    own_group,
)

UNIT = Path("/sys/fs/cgroup/system.slice/debusine-worker.service")
GIB = 1024**3


def test_a_task_is_kept_to_its_memory() -> None:
    files = FakeGroupFiles(UNIT, pids=[10, 11])
    limits = find_limits(files, own=UNIT)
    # a group that limits others holds no process itself
    assert files.pids(UNIT / AGENT_GROUP) == [10, 11]
    group = limits.limit("7-abc", memory_bytes=2 * GIB)
    assert group is not None
    assert group.path == UNIT / "debusine-task-7-abc"
    assert files.read(group.path / "memory.max") == str(2 * GIB)
    assert int(files.read(group.path / "pids.max")) > 1000
    assert not group.ran_out()
    files.use_up_memory(group.path)
    assert group.ran_out()
    group.remove()
    assert group.path not in files.groups(UNIT)
    # what is gone is fine
    group.remove()
    assert not group.ran_out()


def test_a_task_knows_what_it_may_use() -> None:
    files = FakeGroupFiles(UNIT)
    group = find_limits(files, own=UNIT).limit("7-abc", memory_bytes=2 * GIB)
    assert group is not None
    files.use_memory(group.path, GIB // 2)
    assert memory_left(files, own=group.path) == 3 * GIB // 2
    files.use_memory(group.path, 3 * GIB)
    assert memory_left(files, own=group.path) == 0
    # without a limit, or without the tree
    assert memory_left(files, own=UNIT / AGENT_GROUP) is None
    assert memory_left(files, own=UNIT / "elsewhere") is None


def test_groups_that_a_task_made_go_with_it() -> None:
    files = FakeGroupFiles(UNIT, pids=[10])
    group = find_limits(files, own=UNIT).limit("7-abc", memory_bytes=GIB)
    assert group is not None
    files.make(group.path / "inner")
    files.make(group.path / "inner/most")
    group.remove()
    assert files.groups(UNIT) == [UNIT / AGENT_GROUP]


def test_an_agent_that_is_started_again_finds_where_it_was_put() -> None:
    files = FakeGroupFiles(UNIT, pids=[10])
    dead = find_limits(files, own=UNIT)
    left, busy = (dead.limit(name, memory_bytes=GIB) for name in ("1-left", "2-busy"))
    assert left is not None
    assert busy is not None
    files.write(busy.path / "cgroup.procs", "10")
    again = find_limits(files, own=UNIT / AGENT_GROUP)
    # leftovers go, but not what still runs
    assert set(files.groups(UNIT)) == {UNIT / AGENT_GROUP, busy.path}
    assert again.limit("3-new", memory_bytes=GIB) is not None


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (FakeGroupFiles(UNIT, delegated=False), "was not delegated"),
        (FakeGroupFiles(UNIT, controllers=["cpu"]), "no controller for memory and pids"),
        (FakeGroupFiles(Path("/elsewhere")), "No such file"),
    ],
)
def test_says_what_is_in_the_way(files: FakeGroupFiles, words: str) -> None:
    with pytest.raises(NotPossibleError, match=words):
        find_limits(files, own=UNIT)
    assert words in str(explain_limits(files, own=UNIT))


def test_looking_changes_nothing() -> None:
    files = FakeGroupFiles(UNIT, pids=[10])
    assert explain_limits(files, own=UNIT) is None
    assert files.pids(UNIT) == [10]
    assert files.groups(UNIT) == []


def test_what_cannot_be_made_limits_nothing() -> None:
    files = FakeGroupFiles(UNIT)
    limits = find_limits(files, own=UNIT)
    files.remove(UNIT / AGENT_GROUP)
    files.remove(UNIT)
    assert limits.limit("7-abc", memory_bytes=GIB) is None


@pytest.mark.parametrize(
    ("own", "mounted", "found"),
    [
        ("0::/a.slice/b.service\n", "/ /sys/fs/cgroup", "/sys/fs/cgroup/a.slice/b.service"),
        ("1:cpu:/x\n0::/\n", "/ /sys/fs/cgroup/unified", "/sys/fs/cgroup/unified"),
        # in a container, the root of what is mounted may be our own group
        ("0::/docker/1/x\n", "/docker/1 /sys/fs/cgroup", "/sys/fs/cgroup/x"),
    ],
)
def test_own_group(tmp_path: Path, own: str, mounted: str, found: str) -> None:
    (tmp_path / "own").write_text(own)
    (tmp_path / "mounts").write_text(
        "24 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
        f"30 24 0:26 {mounted} rw,nosuid shared:4 - cgroup2 cgroup2 rw\n"
    )
    assert own_group(mounts=tmp_path / "mounts", own=tmp_path / "own") == Path(found)


def test_without_version_2(tmp_path: Path) -> None:
    (tmp_path / "own").write_text("1:memory:/x\n")
    (tmp_path / "mounts").write_text("30 24 0:26 / /sys/fs/cgroup rw - cgroup cgroup rw\n")
    with pytest.raises(NotPossibleError, match="no control groups of version 2"):
        own_group(mounts=tmp_path / "mounts", own=tmp_path / "own")


@pytest.mark.parametrize(
    ("controllers", "words"),
    [(["memory", "pids"], None), (["hugetlb"], "no controller for memory and pids")],
)
def test_what_a_machine_could_do(tmp_path: Path, controllers: list[str], words: str | None) -> None:
    (tmp_path / "mounts").write_text("30 24 0:26 / /cg rw - cgroup2 cgroup2 rw\n")
    found = explain_machine(
        FakeGroupFiles(Path("/cg"), controllers=controllers, delegated=False),
        mounts=tmp_path / "mounts",
    )
    assert found is None if words is None else words in str(found)
