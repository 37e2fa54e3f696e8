# SPDX-License-Identifier: GPL-3.0-or-later
"""
Limits of memory and processes, by control groups of version 2.

The agent needs a group of its own, as systemd gives one to a unit with ``Delegate=yes``.
It moves what runs there into a group below it, since a group that limits others may
hold no process itself; then each task gets a group beside that one::

    UNIT/                  ours, see cgroup.controllers and cgroup.subtree_control
        debusine-agent/    the agent, and what else runs in the unit
        debusine-task-…/   one task: memory.max, pids.max, memory.events

:source: Linux, Documentation/admin-guide/cgroup-v2.rst; systemd.resource-control(5)
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import structlog

from debusine.errors import NotPossibleError

AGENT_GROUP = "debusine-agent"
TASK_PREFIX = "debusine-task-"
MAX_PROCESSES = 16_384

_NO_TREE = "this machine has no control groups of version 2"
_MOUNTS = Path("/proc/self/mountinfo")
_OWN = Path("/proc/self/cgroup")
# who made the group says that we may use it; the first is for users' own units
_MARKS = ("user.delegate", "trusted.delegate")
# what is forked meanwhile needs another one
_ROUNDS = 20
_NEEDED = frozenset({"memory", "pids"})

log = structlog.get_logger(__name__)


class GroupFiles(Protocol):
    """Port: the kernel's tree of control groups; every method may raise OSError."""

    def read(self, path: Path) -> str:
        """Read a file of a group."""
        ...

    def write(self, path: Path, text: str) -> None:
        """Write a file of a group."""
        ...

    def make(self, group: Path) -> None:
        """Make a group; it may exist."""
        ...

    def remove(self, group: Path) -> None:
        """Remove a group without processes and groups below."""
        ...

    def groups(self, group: Path) -> list[Path]:
        """Groups right below one."""
        ...

    def is_delegated(self, group: Path) -> bool:
        """Whether who made a group gave it away."""
        ...


class KernelFiles:
    """The tree as the kernel shows it."""

    def read(self, path: Path) -> str:
        """Read a file of a group."""
        return path.read_text()

    def write(self, path: Path, text: str) -> None:
        """Write a file of a group."""
        # one system call, so that the error is that of what was written
        descriptor = os.open(path, os.O_WRONLY)
        try:
            os.write(descriptor, text.encode())
        finally:
            os.close(descriptor)

    def make(self, group: Path) -> None:
        """Make a group; it may exist."""
        group.mkdir(exist_ok=True)

    def remove(self, group: Path) -> None:
        """Remove a group without processes and groups below."""
        group.rmdir()

    def groups(self, group: Path) -> list[Path]:
        """Groups right below one."""
        return [path for path in group.iterdir() if path.is_dir()]

    def is_delegated(self, group: Path) -> bool:
        """Whether who made a group gave it away."""
        for mark in _MARKS:
            with contextlib.suppress(OSError):
                if os.getxattr(group, mark) == b"1":
                    return True
        return False


def own_group(*, mounts: Path = _MOUNTS, own: Path = _OWN) -> Path:
    """
    Find the group that this process is in.

    :raises NotPossibleError: if this machine has no tree of version 2
    :source: cgroups(7)
    """
    root, point = _tree(mounts)
    for line in own.read_text().splitlines():
        if line.startswith("0::"):
            return Path(os.path.normpath(point / os.path.relpath(line[3:], root)))
    raise NotPossibleError(_NO_TREE)


def _tree(mounts: Path) -> tuple[Path, Path]:
    """
    Find where the tree is mounted.

    :returns: which group is mounted there, and where
    :raises NotPossibleError: if it is not
    :source: proc_pid_mountinfo(5)
    """
    for line in mounts.read_text().splitlines():
        fields, _, rest = line.partition(" - ")
        if rest.startswith("cgroup2 "):
            root, point = fields.split()[3:5]
            return Path(root), Path(point)
    raise NotPossibleError(_NO_TREE)


def explain_machine(files: GroupFiles | None = None, *, mounts: Path = _MOUNTS) -> str | None:
    """
    Say why no group on this machine could limit tasks, whoever delegates it.

    :returns: None if one could
    """
    try:
        _require_controllers(files or KernelFiles(), _tree(mounts)[1])
    except NotPossibleError as error:
        return error.brief
    except OSError as error:
        return str(error)
    return None


def memory_left(files: GroupFiles | None = None, *, own: Path | None = None) -> int | None:
    """
    How much more memory this process and those beside it in its group may use, in bytes.

    :returns: None if the group has no limit, or nothing is known
    """
    tree = files or KernelFiles()
    try:
        group = own or own_group()
        limit = tree.read(group / "memory.max").strip()
        used = tree.read(group / "memory.current")
    except (NotPossibleError, OSError):
        return None
    return max(0, int(limit) - int(used)) if limit.isdigit() else None


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskGroup:
    """The group of one task."""

    path: Path
    memory_bytes: int
    files: GroupFiles

    def ran_out(self) -> bool:
        """Whether the kernel ended processes as the task needed more memory."""
        try:
            lines = self.files.read(self.path / "memory.events").splitlines()
        except OSError:
            return False
        counts = dict(line.split() for line in lines)
        return int(counts.get("oom_kill", 0)) > 0

    def remove(self) -> None:
        """Remove it, with groups that the task made; all processes must have gone."""
        _remove(self.files, self.path)


def _remove(files: GroupFiles, group: Path) -> None:
    try:
        for inner in files.groups(group):
            _remove(files, inner)
        files.remove(group)
    except FileNotFoundError:
        pass
    except OSError as error:
        log.warning("control-group-stays", path=str(group), problem=str(error))


class Limiter(Protocol):
    """Port: makes what limits tasks."""

    def limit(self, name: str, *, memory_bytes: int) -> TaskGroup | None:
        """
        Make the group of a task.

        :returns: None if nothing can limit it
        """
        ...


class NoLimits:
    """Limits nothing, where the machine does not let us."""

    def limit(self, name: str, *, memory_bytes: int) -> TaskGroup | None:
        """Make nothing."""
        del name, memory_bytes
        return None


class ControlGroups:
    """
    Groups below one that is ours.

    :param base: it holds no processes and hands its controllers down
    """

    def __init__(self, base: Path, files: GroupFiles) -> None:
        self._base = base
        self._files = files

    def limit(self, name: str, *, memory_bytes: int) -> TaskGroup | None:
        """
        Make the group of a task.

        :returns: None if that fails, which is logged
        """
        path = self._base / f"{TASK_PREFIX}{name}"
        try:
            self._files.make(path)
            self._files.write(path / "memory.max", str(memory_bytes))
            self._files.write(path / "pids.max", str(MAX_PROCESSES))
        except OSError as error:
            log.warning("task-not-limited", path=str(path), problem=str(error))
            return None
        return TaskGroup(path=path, memory_bytes=memory_bytes, files=self._files)


def find_limits(files: GroupFiles | None = None, *, own: Path | None = None) -> ControlGroups:
    """
    Find out by trying whether tasks can be limited; our processes are moved if so.

    :param own: the group that this process is in; None: ask the kernel
    :raises NotPossibleError: says what is in the way
    """
    tree = files or KernelFiles()
    base = _base(own or own_group())
    try:
        _require_ours(tree, base)
        _move_processes(tree, base)
        wanted = " ".join(f"+{name}" for name in sorted(_NEEDED))
        tree.write(base / "cgroup.subtree_control", wanted)
        for left in tree.groups(base):
            if left.name.startswith(TASK_PREFIX):
                _remove(tree, left)
    except OSError as error:
        raise NotPossibleError(
            f"the control group {base} cannot be used: {error.strerror or error}"
        ) from error
    return ControlGroups(base, tree)


def explain_limits(files: GroupFiles | None = None, *, own: Path | None = None) -> str | None:
    """
    Say why this process could not limit tasks; nothing is changed.

    :returns: None if it could
    """
    tree = files or KernelFiles()
    try:
        _require_ours(tree, _base(own or own_group()))
    except NotPossibleError as error:
        return error.brief
    except OSError as error:
        return str(error)
    return None


def _base(own: Path) -> Path:
    """The group to put others into; an earlier agent may have moved us below it."""
    return own.parent if own.name == AGENT_GROUP else own


def _require_ours(tree: GroupFiles, base: Path) -> None:
    """
    Make sure that a group is ours and has what limits need.

    :raises NotPossibleError: otherwise
    :raises OSError: if it cannot be read
    """
    _require_controllers(tree, base)
    if not tree.is_delegated(base):
        raise NotPossibleError(f"the control group {base} was not delegated to us")


def _require_controllers(tree: GroupFiles, group: Path) -> None:
    """
    Make sure that a group has what limits need.

    :raises NotPossibleError: otherwise
    :raises OSError: if it cannot be read
    """
    lacking = _NEEDED - set(tree.read(group / "cgroup.controllers").split())
    if lacking:
        raise NotPossibleError(
            f"the control group {group} has no controller for {' and '.join(sorted(lacking))}"
        )


def _move_processes(tree: GroupFiles, base: Path) -> None:
    """
    Move all processes of a group into one below it.

    :raises OSError: if one cannot be moved
    """
    below = base / AGENT_GROUP
    tree.make(below)
    for _ in range(_ROUNDS):
        pids = tree.read(base / "cgroup.procs").split()
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                tree.write(below / "cgroup.procs", pid)
        if not pids:
            return


def enter(group: Path) -> None:
    """
    Move this process into a group.

    :raises OSError: if that is not possible
    """
    KernelFiles().write(group / "cgroup.procs", "0")
