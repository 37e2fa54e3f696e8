# SPDX-License-Identifier: GPL-3.0-or-later
"""What the program made on this machine, and how to remove it again."""

from __future__ import annotations

import os
import pwd
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from debusine.cli.units import UNIT_NAME, unit_path
from debusine.client.config import DEFAULT_PATH
from debusine.client.local_server import (
    AGENTS_LOCK,
    SCRATCH_PREFIX,
    SERVER_NAME,
    SIGNING_COMMENT,
    SIGNING_USER,
    WORKER_COMMENT,
    WORKER_USER,
    DataDir,
    find_holder,
)
from debusine.errors import ConflictError
from debusine.tasks.executors.images import default_cache_directory
from debusine.util.command import Command, run
from debusine.util.file_lock import is_locked, try_lock
from debusine.util.files import write_atomically
from debusine.util.ini import remove_section
from debusine.util.userns import remove_tree

# a server that was started for a build ends some seconds after it
ENDING_TIMEOUT_S = 10.0
POLL_S = 0.1
SCRATCH_PARENTS = (Path("/dev/shm"), Path("/var/tmp"))  # noqa: S108  where agents put it


@dataclass(frozen=True, kw_only=True, slots=True)
class Belonging:
    """
    One thing that can be removed.

    :param where: path or name, for people
    :param size_bytes: what it takes; 0 for what takes next to nothing
    """

    what: str
    where: str
    size_bytes: int
    remove: Callable[[], None]


def wait_until_stopped(data_dir: Path, *, timeout_s: float = ENDING_TIMEOUT_S) -> None:
    """
    Make sure that no server runs on a data directory; wait for one that is just ending.

    :raises ConflictError: if one runs, and does not end
    """
    layout = DataDir(data_dir)
    deadline = time.monotonic() + timeout_s
    while (holder := find_holder(layout)) is not None:
        # only those that were started for a build end by themselves
        if not layout.in_use.exists() or time.monotonic() > deadline:
            raise ConflictError(
                f"a server runs on {data_dir}: process {holder.pid} at {holder.url}",
                resolution="Stop it first: Ctrl-C where it runs, or systemctl stop debusine.",
            )
        time.sleep(POLL_S)


def find_belongings(data_dir: Path, client_config: Path | None = None) -> Iterator[Belonging]:
    """
    Find what there is, in the order in which it should be removed.

    :param data_dir: of the server
    :param client_config: of the user, which ``debusine up`` wrote; :data:`DEFAULT_PATH` if None
    """
    is_root = os.geteuid() == 0
    unit = unit_path(is_root=is_root)
    if unit.exists():
        yield Belonging(
            what="systemd unit",
            where=str(unit),
            size_bytes=0,
            remove=partial(_remove_unit, unit, is_root=is_root),
        )
    for path in (default_cache_directory().parent, *_scratch(), data_dir):
        if path.exists():
            yield _tree(path)
    config = client_config or DEFAULT_PATH.expanduser()
    if config.exists() and f"[server:{SERVER_NAME}]" in config.read_text():
        yield Belonging(
            what="server in your configuration",
            where=f"{config} [server:{SERVER_NAME}]",
            size_bytes=0,
            remove=partial(_remove_server, config),
        )
    if is_root:
        yield from _account(WORKER_USER, WORKER_COMMENT)
        yield from _account(SIGNING_USER, SIGNING_COMMENT)


def _tree(path: Path) -> Belonging:
    return Belonging(
        what="files", where=str(path), size_bytes=_size(path), remove=partial(remove_tree, path)
    )


def _scratch() -> Iterator[Path]:
    """
    Directories of tasks that were killed.

    Not those of other users, and not those of tasks that run for another server.
    """
    for parent in SCRATCH_PARENTS:
        for path in sorted(parent.glob(f"{SCRATCH_PREFIX}*")):
            is_ours = path.is_dir() and os.geteuid() in {0, path.lstat().st_uid}
            if is_ours and not is_in_use(path):
                yield path


def is_in_use(scratch: Path) -> bool:
    """Whether an agent looks after a scratch directory; its task cannot hide that."""
    try:
        return is_locked(scratch)
    except PermissionError:
        # its task made it unreadable: better leave too much
        return True


def _account(name: str, comment: str) -> Iterator[Belonging]:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return
    # an account that an administrator made is not ours
    if entry.pw_gecos.split(",")[0] == comment:
        yield Belonging(
            what="account and its home",
            where=f"{name}, {entry.pw_dir}",
            size_bytes=_size(Path(entry.pw_dir)),
            remove=partial(remove_account, name, Path(entry.pw_dir)),
        )


def remove_account(name: str, home: Path) -> None:
    """
    Remove an account and what tasks left in its home.

    :raises ConflictError: if a worker runs tasks as this user
    """
    if any(not _is_free(lock) for lock in home.glob(f"*/{AGENTS_LOCK}")):
        raise ConflictError(
            f"a worker runs tasks as {name}",
            resolution="Stop the servers and workers of this machine, then purge again.",
        )
    remove_tree(home)
    # this also takes its sub-ids back
    run(Command(["userdel", name]))


def _is_free(lock: Path) -> bool:
    held = try_lock(lock)
    if held is not None:
        held.release()
    return held is not None


def _remove_unit(path: Path, *, is_root: bool) -> None:
    systemctl = ["systemctl"] if is_root else ["systemctl", "--user"]
    # where systemd does not run there is nothing to stop
    run(Command([*systemctl, "disable", "--now", UNIT_NAME], check=False, timeout_s=60))
    path.unlink(missing_ok=True)
    run(Command([*systemctl, "daemon-reload"], check=False, timeout_s=60))


def _remove_server(path: Path) -> None:
    text = remove_section(path.read_text(), f"server:{SERVER_NAME}")
    lines = [
        line
        for line in text.splitlines()
        if line.replace(" ", "") != f"default-server={SERVER_NAME}"
    ]
    if not any(line.strip() and line.strip() != "[General]" for line in lines):
        path.unlink()
        return
    write_atomically(path, ("\n".join(lines) + "\n").encode(), mode=0o600)


def _size(path: Path) -> int:
    """
    Room that a tree takes on its disk, in bytes.

    What cannot be read, because it belongs to sub-ids, is not counted.
    """
    total = 0
    for directory, _, files in os.walk(path):
        for name in files:
            try:
                total += Path(directory, name).lstat().st_blocks * 512
            except OSError:
                continue
    return total
