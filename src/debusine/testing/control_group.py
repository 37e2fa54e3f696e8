# SPDX-License-Identifier: GPL-3.0-or-later
"""A tree of control groups in memory, with the rules of the kernel that matter."""

from __future__ import annotations

import errno
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class _Group:
    controllers: set[str]
    pids: list[str] = field(default_factory=list)
    handed_down: set[str] = field(default_factory=set)
    files: dict[str, str] = field(default_factory=dict)


class FakeGroupFiles:
    """
    Implements :class:`debusine.util.control_group.GroupFiles`.

    A group that hands controllers down may hold no processes; one with processes, or with
    groups below, cannot be removed; limits exist where the group above hands them down.

    :param top: the group that is there from the start
    :param controllers: what it has
    :param delegated: whether it says that it was given away
    """

    def __init__(
        self,
        top: Path,
        *,
        controllers: Iterable[str] = ("cpu", "memory", "pids"),
        pids: Iterable[int] = (),
        delegated: bool = True,
    ) -> None:
        self._top = top
        self._delegated = delegated
        self._groups = {top: _Group(set(controllers), [str(pid) for pid in pids])}

    def pids(self, group: Path) -> list[int]:
        """Processes of a group."""
        return [int(pid) for pid in self._groups[group].pids]

    def use_memory(self, group: Path, size_bytes: int) -> None:
        """Let the processes of a group use so much memory."""
        self._groups[group].files["memory.current"] = f"{size_bytes}\n"

    def use_up_memory(self, group: Path) -> None:
        """Do what the kernel does to a group that needs more memory than it may have."""
        self._groups[group].files["memory.events"] = "low 0\nhigh 0\nmax 17\noom 1\noom_kill 1\n"

    def end_processes(self, group: Path) -> None:
        """Let all processes of a group end."""
        self._groups[group].pids.clear()

    def read(self, path: Path) -> str:
        """Read a file of a group."""
        group = self._group(path.parent)
        match path.name:
            case "cgroup.controllers":
                return " ".join(sorted(group.controllers)) + "\n"
            case "cgroup.procs":
                return "".join(f"{pid}\n" for pid in group.pids)
            case name if name in group.files:
                return group.files[name]
            case _:
                raise FileNotFoundError(errno.ENOENT, "No such file or directory", str(path))

    def write(self, path: Path, text: str) -> None:
        """Write a file of a group."""
        group = self._group(path.parent)
        match path.name:
            case "cgroup.procs":
                self._move(text, group, path)
            case "cgroup.subtree_control":
                self._hand_down(text, group, path)
            case name if name in group.files:
                group.files[name] = text
            case _:
                raise PermissionError(errno.EACCES, "Permission denied", str(path))

    def make(self, group: Path) -> None:
        """Make a group; it may exist."""
        above = self._group(group.parent)
        files: dict[str, str] = {}
        if "memory" in above.handed_down:
            files |= {"memory.max": "max", "memory.current": "0\n"}
            files["memory.events"] = "low 0\noom 0\noom_kill 0\n"
        if "pids" in above.handed_down:
            files["pids.max"] = "max"
        self._groups.setdefault(group, _Group(set(above.handed_down), files=files))

    def remove(self, group: Path) -> None:
        """Remove a group without processes and groups below."""
        if self._group(group).pids or self.groups(group):
            raise OSError(errno.EBUSY, "Device or resource busy", str(group))
        del self._groups[group]

    def groups(self, group: Path) -> list[Path]:
        """Groups right below one."""
        self._group(group)
        return [path for path in self._groups if path.parent == group]

    def is_delegated(self, group: Path) -> bool:
        """Whether who made a group gave it away."""
        return self._delegated and group == self._top

    def _group(self, path: Path) -> _Group:
        if path not in self._groups:
            raise FileNotFoundError(errno.ENOENT, "No such file or directory", str(path))
        return self._groups[path]

    def _move(self, pid: str, group: _Group, path: Path) -> None:
        if group.handed_down:
            raise OSError(errno.EBUSY, "Device or resource busy", str(path))
        for other in self._groups.values():
            if pid in other.pids:
                other.pids.remove(pid)
                group.pids.append(pid)
                return
        raise ProcessLookupError(errno.ESRCH, "No such process", str(path))

    def _hand_down(self, text: str, group: _Group, path: Path) -> None:
        wanted = {word.removeprefix("+") for word in text.split()}
        if group.pids:
            raise OSError(errno.EBUSY, "Device or resource busy", str(path))
        if not wanted <= group.controllers:
            raise FileNotFoundError(errno.ENOENT, "No such file or directory", str(path))
        group.handed_down |= wanted
