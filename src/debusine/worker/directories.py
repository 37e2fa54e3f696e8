# SPDX-License-Identifier: GPL-3.0-or-later
"""
The directories of one task: made for it, gone after it.

::

    WORKING/WR-ID-RANDOM/       of the agent; others may only pass through
        lock                    held as long as anybody looks after the directory
        scratch                 says where the scratch directory is
        spool/                  the log, until the server has it
        output.log              what the task's own process prints
        work/  home/            of the user who runs the task
        apt-access/             credentials for mirrors, of that user; only if the task needs them
    SCRATCH/debusine-WR-ID-RANDOM/   locked itself as long as the above is
        tmp/                    the task's TMPDIR
"""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from debusine.client.local_server import SCRATCH_PREFIX
from debusine.errors import DebusineError
from debusine.util.file_lock import FileLock, try_lock, try_lock_directory
from debusine.util.userns import remove_tree
from debusine.worker.user import Account

PREFIX = "WR-"
# every part of the way must let subordinate ids through
PASSABLE = 0o711

_MEMORY = Path("/dev/shm")  # noqa: S108  a directory of our own is made in it
_FALLBACK = Path("/var/tmp")  # noqa: S108  the same
_MIN_MEMORY_BYTES = 2 * 1024**3
_YOUNG_S = 60

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskDirectories:
    """Where one task works."""

    root: Path
    scratch: Path

    @property
    def work(self) -> Path:
        """The task's working directory."""
        return self.root / "work"

    @property
    def home(self) -> Path:
        """The task's home directory."""
        return self.root / "home"

    @property
    def tmp(self) -> Path:
        """The task's TMPDIR."""
        return self.scratch / "tmp"

    @property
    def apt_access(self) -> Path:
        """What the task's APT needs to reach mirrors; made by who knows it."""
        return self.root / "apt-access"

    @property
    def spool(self) -> Path:
        """Where the agent keeps what the server has not got yet of the log."""
        return self.root / "spool"

    @property
    def output(self) -> Path:
        """What the task's own process prints."""
        return self.root / "output.log"

    def to_json(self) -> dict[str, str]:
        """The same as a JSON object."""
        return {"root": str(self.root), "scratch": str(self.scratch)}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> TaskDirectories:
        """Read what :meth:`to_json` made."""
        return cls(root=Path(value["root"]), scratch=Path(value["scratch"]))

    def remove_task_parts(self) -> None:
        """
        Remove all that the task can have written.

        :raises DebusineError: if something cannot be removed
        """
        for path in (self.apt_access, self.work, self.home, self.scratch):
            remove_tree(path)

    def remove(self) -> None:
        """
        Remove everything.

        :raises DebusineError: if something cannot be removed
        """
        self.remove_task_parts()
        remove_tree(self.root)


def create(
    work_request_id: int, *, working: Path, scratch_base: Path | None, account: Account
) -> tuple[TaskDirectories, FileLock]:
    """
    Make the directories of a task.

    :param scratch_base: where the scratch directory is made; None: in the work directory
    :param account: who will run the task
    :returns: the directories, and the lock that says that they are in use
    """
    root = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{work_request_id}-", dir=working))
    root.chmod(PASSABLE)
    lock = try_lock(root / "lock")
    assert lock is not None, "the directory is new"
    name = SCRATCH_PREFIX + root.name.removeprefix(PREFIX)
    directories = TaskDirectories(root=root, scratch=(scratch_base or root) / name)
    (root / "scratch").write_text(str(directories.scratch))
    directories.spool.mkdir(mode=0o700)
    directories.scratch.mkdir(mode=0o700)
    # a task may do what it wants in there, but not unlock it
    in_use = try_lock_directory(directories.scratch)
    assert in_use is not None, "the directory is new"
    lock.keep(in_use)
    for path in (directories.work, directories.home, directories.scratch, directories.tmp):
        path.mkdir(exist_ok=path == directories.scratch)
        path.chmod(PASSABLE)
        if os.geteuid() == 0:
            os.chown(path, account.uid, account.gid)
    return directories, lock


def clean_leftovers(working: Path) -> int:
    """
    Remove the directories of tasks that nobody looks after any more.

    :returns: how many there were
    """
    count = 0
    for root in _leftovers(working):
        scratch = root / "scratch"
        named = Path(scratch.read_text()) if scratch.is_file() else root / "none"
        if not named.name.startswith(SCRATCH_PREFIX):
            named = root / "none"
        log.warning("leftover-removed", path=str(root))
        try:
            TaskDirectories(root=root, scratch=named).remove()
        except DebusineError as error:
            log.warning("leftover-stays", path=str(root), problem=error.explain())
        else:
            count += 1
    return count


def _leftovers(working: Path) -> Iterator[Path]:
    if not working.is_dir():
        return
    for root in sorted(working.glob(f"{PREFIX}*")):
        if root.is_symlink() or not re.fullmatch(r"WR-\d+-\w+", root.name):
            continue
        with contextlib.suppress(FileNotFoundError):
            if not (root / "lock").exists() and time.time() - root.stat().st_mtime < _YOUNG_S:
                continue  # just being made
            lock = try_lock(root / "lock")
            if lock is not None:
                with lock:
                    yield root


def make_working_directory(path: Path) -> None:
    """Make the directory that holds those of the tasks, and let sub-ids pass through it."""
    path.mkdir(mode=PASSABLE, parents=True, exist_ok=True)
    mode = path.stat().st_mode
    if path.stat().st_uid == os.geteuid() and mode != mode | PASSABLE:
        path.chmod(mode | PASSABLE)


def choose_scratch_base(configured: Path | None, working: Path) -> Path | None:
    """
    Where scratch directories are made.

    Memory is by far the fastest place, if there is enough; else the work directory,
    unless some part of the way to it keeps subordinate ids out.

    :param configured: the administrator's choice, which is not questioned
    :returns: None for the work directory
    """
    if configured is not None:
        make_working_directory(configured)
        return configured
    if _has_room_in_memory():
        return _MEMORY
    if is_passable(working):
        return None
    return _FALLBACK


def is_passable(path: Path) -> bool:
    """Whether everybody can reach a directory through all of its parents."""
    return all(part.stat().st_mode & 0o001 for part in [path, *path.parents])


def _has_room_in_memory() -> bool:
    try:
        mounts = Path("/proc/self/mounts").read_text().splitlines()
        on_tmpfs = any(line.split()[1:3] == [str(_MEMORY), "tmpfs"] for line in mounts)
        free = os.statvfs(_MEMORY)
    except OSError:
        return False
    if not on_tmpfs or not os.access(_MEMORY, os.W_OK | os.X_OK):
        return False
    memory = memory_info()
    return (
        free.f_bavail * free.f_frsize >= _MIN_MEMORY_BYTES
        and memory["MemAvailable"] * 3 >= memory["MemTotal"]
    )


def memory_info() -> dict[str, int]:
    """What ``/proc/meminfo`` says, in bytes."""
    info = {}
    for line in Path("/proc/meminfo").read_text().splitlines():
        name, _, rest = line.partition(":")
        info[name] = int(rest.split()[0]) * 1024
    return info
