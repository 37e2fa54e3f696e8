# SPDX-License-Identifier: GPL-3.0-or-later
"""
Files into and out of a sandbox, by commands that run inside.

Nothing is written through a path seen from outside: the image decides where its
symbolic links lead, and they must not lead out.
"""

from __future__ import annotations

import contextlib
import errno
import subprocess
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, Protocol

from debusine.errors import BugError

MAX_ERROR_BYTES = 64 * 1024
EXISTS_STATUS = 17


class Runner(Protocol):
    """What copying needs of a sandbox."""

    def run(
        self,
        args: Sequence[str],
        *,
        run_as_root: bool = False,
        stdin: int | IO[Any] | None = subprocess.DEVNULL,
        stdout: int | IO[Any] | None = subprocess.PIPE,
        check: bool = False,
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a command to its end."""
        ...

    def popen(
        self,
        args: Sequence[str],
        *,
        run_as_root: bool = False,
        stdin: int | IO[Any] | None = subprocess.DEVNULL,
        stdout: int | IO[Any] | None = subprocess.PIPE,
        stderr: int | IO[Any] | None = subprocess.PIPE,
    ) -> subprocess.Popen[bytes]:
        """Start a command."""
        ...

    def user_id(self, name: str) -> int:
        """Number of a user."""
        ...

    def group_id(self, name: str) -> int:
        """Number of a group."""
        ...


def check_inner_path(path: Path) -> None:
    """
    Refuse a relative path.

    :raises ValueError: if it is one
    """
    if not path.is_absolute():
        message = f"not an absolute path in the instance: {path}"
        raise ValueError(message)


def push_file(  # noqa: PLR0913  owner and mode belong to a file
    runner: Runner, source: Path, target: Path, *, user: str, group: str, mode: int
) -> None:
    """Copy a regular file in; see :meth:`Instance.file_push`."""
    check_inner_path(target)
    if not source.is_file() or source.is_symlink():
        message = f"not a regular file: {source}"
        raise ValueError(message)
    owner = f"{runner.user_id(user)}:{runner.group_id(group)}"
    # mode and owner before the name shows: nobody sees the file half written
    script = 'cat >"$1" && chown "$2" "$1" && chmod "$3" "$1"'
    with source.open("rb") as stream:
        runner.run(
            ["sh", "-c", script, "push", str(target), owner, f"{mode:o}"],
            run_as_root=True,
            stdin=stream,
            check=True,
        )


def pull_file(runner: Runner, source: Path, target: Path) -> None:
    """Copy a regular file out; see :meth:`Instance.file_pull`."""
    check_inner_path(source)
    with target.open("wb") as stream:
        runner.run(["cat", "--", str(source)], run_as_root=True, stdout=stream, check=True)


def push_directory(runner: Runner, source: Path, target: Path, *, user: str, group: str) -> None:
    """Copy a tree in; see :meth:`Instance.directory_push`."""
    check_inner_path(target)
    owner = runner.user_id(user), runner.group_id(group)
    command = ["tar", "--extract", "--same-owner", "--same-permissions", "--directory", str(target)]
    with tempfile.TemporaryFile() as errors:
        process = runner.popen(
            command,
            run_as_root=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=errors,
        )
        with process:
            if process.stdin is None:
                raise BugError("a process with a pipe as input has no input")
            # tar that ends early says why; its exit status is looked at below
            with contextlib.suppress(BrokenPipeError), process.stdin:
                _write_tree(process.stdin, source, owner)
        if process.returncode:
            errors.seek(0)
            raise subprocess.CalledProcessError(
                process.returncode, command, stderr=errors.read(MAX_ERROR_BYTES)
            )


def _write_tree(stream: IO[bytes], source: Path, owner: tuple[int, int]) -> None:
    def adapt(member: tarfile.TarInfo) -> tarfile.TarInfo:
        if not (member.isreg() or member.isdir() or member.islnk()):
            message = f"neither a file nor a directory: {source.parent / member.name}"
            raise ValueError(message)
        member.uid, member.gid = owner
        member.uname = member.gname = ""
        return member

    with tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT) as archive:
        archive.add(source, arcname=source.name, filter=adapt)


def make_directory(
    runner: Runner, target: Path, *, owner: tuple[str, str], mode: int, parents: bool
) -> None:
    """Make a directory; see :meth:`Instance.mkdir`."""
    check_inner_path(target)
    uid, gid = runner.user_id(owner[0]), runner.group_id(owner[1])
    # one process for all of it: a start in a sandbox costs more than the work
    script = (
        '[ ! -e "$1" ] && [ ! -L "$1" ] || exit 17\n'
        '[ -z "$4" ] || mkdir -p -- "$(dirname -- "$1")" || exit 1\n'
        'mkdir --mode="$2" -- "$1" && chown "$3" "$1"'
    )
    arguments = [str(target), f"{mode:o}", f"{uid}:{gid}", "parents" if parents else ""]
    command = ["sh", "-c", script, "mkdir", *arguments]
    done = runner.run(command, run_as_root=True)
    if done.returncode == EXISTS_STATUS:
        raise FileExistsError(errno.EEXIST, "exists in the instance already", str(target))
    done.check_returncode()


def add_user(runner: Runner, name: str) -> None:
    """Create a user with a home directory, installing the tool for that if need be."""
    if runner.run(["test", "-x", "/usr/sbin/useradd"], run_as_root=True).returncode:
        for words in (["update"], ["install", "--yes", "--no-install-recommends", "passwd"]):
            runner.run(
                ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", *words],
                run_as_root=True,
                check=True,
            )
    runner.run(["/usr/sbin/useradd", "--create-home", name], run_as_root=True, check=True)
