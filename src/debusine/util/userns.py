# SPDX-License-Identifier: GPL-3.0-or-later
"""
User namespaces whose ids are the subordinate ids of a user.

Two maps are in use. In :data:`SUBIDS_ONLY`, id 0 inside is the first subordinate
id outside: what runs there owns nothing of the user who started it. In
:data:`OWNER_AND_SUBIDS`, id 0 inside is the user, and the subordinate ids follow
from 1: such a process may change and remove the files of both.
"""

from __future__ import annotations

import os
import pwd
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TypeAlias

from debusine.errors import ConflictError, NotPossibleError, UserError
from debusine.util.command import Command, CommandError, Completed, missing, run
from debusine.util.subids import NEEDED_IDS, free_range, subids_for

_AUTO = ("unshare", "--map-users=auto", "--map-groups=auto")
SUBIDS_ONLY = (*_AUTO, "--setuid=0", "--setgid=0")
OWNER_AND_SUBIDS = (*_AUTO, "--map-root-user")
TOOLS = ("unshare", "nsenter", "newuidmap", "newgidmap")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# how proc(5) writes space, tab, newline and backslash
_OCTAL = re.compile(rb"\\([0-7]{3})")

Stream: TypeAlias = int | IO[Any] | None


def check_unshare() -> None:
    """
    Make sure that we can have a user namespace with subordinate ids.

    :raises NotPossibleError: says what is missing and which command mends it
    """
    for tool in TOOLS:
        if shutil.which(tool) is None:
            package = "uidmap" if tool.startswith("new") else "util-linux"
            raise NotPossibleError(
                f"program not found: {tool}",
                resolution=f"As an administrator: apt-get install {package}",
            )
    user = user_name()
    lacking = [
        name
        for name in ("subuid", "subgid")
        if not any(entry.count >= NEEDED_IDS for entry in subids_for(user, Path("/etc", name)))
    ]
    if lacking:
        raise NotPossibleError(
            f"user {user} has no range of {NEEDED_IDS} ids in /etc/{' and /etc/'.join(lacking)}",
            resolution=f"As an administrator: {_add_subids(lacking, user)}",
        )
    try:
        run(Command([*SUBIDS_ONLY, "true"], timeout_s=30))
    except CommandError as error:
        raise NotPossibleError(
            "the kernel refuses user namespaces",
            details=error.details,
            resolution=(
                "See /proc/sys/user/max_user_namespaces and, where it exists,"
                " /proc/sys/kernel/unprivileged_userns_clone. Nothing that runs in a"
                " chroot can have them."
            ),
        ) from error


def _add_subids(databases: Sequence[str], user: str) -> str:
    """Compose the command that gives a user a range that nobody else has."""
    words = ["usermod"]
    for name in databases:
        first = free_range(Path("/etc", name))
        words.append(f"--add-{name}s {first}-{first + NEEDED_IDS - 1}")
    return " ".join([*words, user])


def can_unshare() -> bool:
    """Whether we can have a user namespace with subordinate ids."""
    try:
        check_unshare()
    except NotPossibleError:
        return False
    return True


def user_name() -> str:
    """Name of the user we run as, or the number if it has no name."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def run_as_owner(
    argv: Sequence[str],
    *,
    cwd: Path | None = None,
    stdin: Path | bytes | None = None,
    check: bool = True,
) -> Completed:
    """
    Run a command that may change files of the user and of its subordinate ids.

    :raises CommandError: if it fails and ``check`` is set
    """
    return run(Command([*OWNER_AND_SUBIDS, *argv], cwd=cwd, stdin=stdin, check=check))


def popen(  # noqa: PLR0913  the parameters of a process
    argv: Sequence[str],
    *,
    prefix: Sequence[str] = SUBIDS_ONLY,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    stdin: Stream = subprocess.DEVNULL,
    stdout: Stream = subprocess.PIPE,
    stderr: Stream = subprocess.PIPE,
    pass_fds: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """
    Start a command in a namespace of its own, in a process group of its own.

    :param prefix: :data:`SUBIDS_ONLY` or :data:`OWNER_AND_SUBIDS`, and more options
        of ``unshare``
    :param env: the whole environment, except for ``PATH``
    :raises NotPossibleError: if ``unshare`` is not there
    """
    try:
        return subprocess.Popen(
            [*prefix, *argv],
            cwd=cwd,
            env={**(env or {}), "PATH": PATH},
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            pass_fds=pass_fds,
            start_new_session=True,
        )
    except FileNotFoundError as error:
        raise missing(prefix[0], cwd) from error


def give_to_root_of_subids(path: Path) -> None:
    """Make a file of ours belong to id 0 of :data:`SUBIDS_ONLY`."""
    run_as_owner(["chown", "--no-dereference", "1:1", "--", str(path)])


def remove_tree(path: Path) -> None:
    """
    Remove a tree that holds files of ours and of our subordinate ids.

    A tree that is not there is fine. Nothing below a mount point is touched.

    :raises ConflictError: if something is mounted in it and we may not undo that
    :raises UserError: if something in it belongs to somebody else
    """
    if not path.exists() and not path.is_symlink():
        return
    _unmount_below(path)
    if _remove_own(path):
        return
    argv = ["rm", "--recursive", "--force", "--one-file-system", "--", str(path)]
    prefix = () if os.geteuid() == 0 else OWNER_AND_SUBIDS
    done = run(Command([*prefix, *argv], check=False))
    if path.exists() or path.is_symlink():
        raise UserError(
            f"cannot remove {path}",
            details=done.stderr.decode(errors="replace")[:2000],
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Mount:
    """A line of mountinfo, see proc_pid_mountinfo(5)."""

    number: int
    parent: int
    point: Path


def mounts_below(path: Path) -> list[Path]:
    """Mount points at or below a path, innermost first; what we can see of them."""
    # what was mounted last on the same place comes first
    found = [mount.point for mount in reversed(_mounts_at_or_below(path))]
    found.sort(key=lambda point: len(point.parts), reverse=True)
    return found


def mounts_inside(path: Path) -> tuple[Path, ...]:
    """
    Mount points below a directory, innermost first.

    :returns: none of those that something covers which is mounted on the directory itself
    """
    top = path.resolve()
    inside: set[int] = set()
    points: list[Path] = []
    for mount in _mounts_at_or_below(path):
        if mount.point == top:
            inside, points = {mount.number}, []
        elif not inside or mount.parent in inside:
            inside.add(mount.number)
            points.append(mount.point)
    points.reverse()
    points.sort(key=lambda point: len(point.parts), reverse=True)
    return tuple(points)


def _mounts_at_or_below(path: Path) -> list[Mount]:
    """In the order of mounting."""
    top = os.fsencode(path.resolve())
    below = top.rstrip(b"/") + b"/"
    found = []
    for line in Path("/proc/self/mountinfo").read_bytes().splitlines():
        number, parent, _, _, escaped = line.split(b" ", 5)[:5]
        name = _OCTAL.sub(lambda match: bytes([int(match[1], 8)]), escaped)
        # most are elsewhere, and this is asked several times for each task
        if name == top or name.startswith(below):
            mount = Mount(number=int(number), parent=int(parent), point=Path(os.fsdecode(name)))
            found.append(mount)
    return found


def _unmount_below(path: Path) -> None:
    for point in mounts_below(path):
        done = run(Command(["umount", "--lazy", "--", str(point)], check=False))
        if done.returncode:
            raise ConflictError(
                f"cannot remove {path}: {point} is mounted",
                details=done.stderr.decode(errors="replace"),
                resolution=f"As an administrator: umount {point}",
            )


def _remove_own(path: Path) -> bool:
    """Remove what a plain removal can; true if nothing is left."""
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    except OSError:
        return False
    return True
