# SPDX-License-Identifier: GPL-3.0-or-later
"""The namespaces of one sandbox: set up, entered, and gone with their first process."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from debusine.errors import BugError
from debusine.tasks.executors.instance import InstanceError, Stream
from debusine.tasks.executors.room import Place
from debusine.util import userns
from debusine.util.command import kill_group
from debusine.util.tar import CHUNK_BYTES, open_stream

# read now: who runs tasks may not be allowed to read our files later
ENTER_SCRIPT = Path(__file__).with_name("unshare_enter.sh").read_text()
INIT_SCRIPT = Path(__file__).with_name("unshare_init.sh").read_text()
# $1 is the first process. The old root lies over the new one until it is taken away: a root
# that were only covered, or left by chroot, would come back for who unmounts the new one.
PIVOT_SCRIPT = """
in="nsenter --target $1 --user --setuid 0 --setgid 0 --mount"
$in --wd -- pivot_root . . &&
exec $in -- umount --lazy --no-mtab --no-canonicalize /
"""
STOP_TIMEOUT_S = 10
MAX_ERROR_BYTES = 64 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class Tree:
    """
    How a sandbox gets its file system.

    :param image: archive to unpack
    :param base: unpacked tree to put a layer on; None: unpack the image
    :param memory_bytes: how much it may take of memory, where it lies there
    :param max_processes: how many it may have, threads included
    :param hold: open files that the sandbox keeps until it ends, locks for example
    :param existing: a tree on the same disk that is taken instead of the image; it goes with
        the sandbox
    """

    image: Path
    base: Path | None
    place: Place
    memory_bytes: int
    max_processes: int
    hold: tuple[int, ...] = ()
    existing: Path | None = None


class Session:
    """
    A sandbox that runs.

    It ends when :meth:`stop` is called or when this process ends, however that
    happens: its first process reads from a pipe that only we hold open.

    :param directory: of ours, empty; what the sandbox keeps on disk lies there
    :raises InstanceError: if it does not come up; nothing is left then
    """

    def __init__(self, directory: Path, tree: Tree) -> None:
        self.place = tree.place
        self.directory = directory
        self._pid: int | None = None
        self._process: subprocess.Popen[bytes] | None = None
        directory.mkdir(mode=0o755)
        directory.chmod(0o755)
        try:
            self._set_up(tree)
        except BaseException:
            self.stop()
            raise

    def is_alive(self) -> bool:
        """Whether its first process is there."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """Its first process, as seen from here."""
        if self._pid is None:
            raise BugError("a sandbox is used before it has a process")
        return self._pid

    @property
    def root(self) -> Path:
        """The root directory of the sandbox, seen from outside; for measuring only."""
        return Path("/proc", str(self.pid), "root")

    def enter_command(
        self, *, user: tuple[int, int], network: bool, cwd: Path | None = None
    ) -> list[str]:
        """
        What a command is put after to run in it.

        :param user: user and group, as the sandbox knows them
        :param network: whether it has that of the machine, otherwise a loopback of its own
        """
        return [
            "nsenter", "--target", str(self.pid), "--user", "--mount", "--pid", "--ipc", "--uts",
            *([] if network else ["--net"]),
            "--setuid", str(user[0]), "--setgid", str(user[1]), f"--wdns={cwd or '/'}", "--",
        ]  # fmt: skip

    def used_bytes(self) -> int:
        """What its files take, those included that only their owners may see."""
        if self.place is Place.MEMORY:
            return shutil.disk_usage(self.root).used
        measure = ["du", "--summarize", "--one-file-system", "--block-size=1", "--"]
        done = userns.run_as_owner([*measure, str(self.directory)], check=False)
        size = done.stdout.split(maxsplit=1)[:1]
        return int(size[0]) if size else 0

    def popen(  # noqa: PLR0913  the parameters of a process
        self,
        args: Sequence[str],
        *,
        cwd: Path | None,
        env: Mapping[str, str],
        user: tuple[int, int],
        network: bool,
        stdin: Stream,
        stdout: Stream,
        stderr: Stream,
    ) -> subprocess.Popen[bytes]:
        """
        Start a command in it, in a process group of its own.

        :param network: whether it has that of the machine, otherwise a loopback of its own
        """
        enter = self.enter_command(user=user, network=network, cwd=cwd)
        return userns.popen(args, prefix=enter, env=env, stdin=stdin, stdout=stdout, stderr=stderr)

    def stop(self) -> None:
        """End every process in it and remove its directory; safe to call twice."""
        if self._process is not None:
            with contextlib.suppress(OSError), self._process:
                self._kill(self._process)
        userns.remove_tree(self.directory)

    def _kill(self, process: subprocess.Popen[bytes]) -> None:
        """Not asked but killed: what runs in it may have got hold of its first process."""
        if process.stdin is not None:
            process.stdin.close()
        if self._pid is not None and process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            kill_group(process.pid, signal.SIGKILL)

    def _set_up(self, tree: Tree) -> None:
        scratch = self.directory / "scratch"
        scratch.mkdir()
        userns.give_to_root_of_subids(scratch)
        _, hard = resource.getrlimit(resource.RLIMIT_NPROC)
        limit = tree.max_processes if hard < 0 else min(tree.max_processes, hard)
        arguments = [tree.place.value, str(tree.memory_bytes), str(tree.base or "")]
        with tempfile.TemporaryFile() as errors:
            self._process = process = userns.popen(
                ["sh", "-c", ENTER_SCRIPT, "debusine-enter", str(limit), INIT_SCRIPT, *arguments],
                cwd=self.directory,
                stdin=subprocess.PIPE,
                stderr=errors,
                pass_fds=tree.hold,
            )
            try:
                self._talk(process, tree)
                self._move_in(errors)
            except _SilentError:
                errors.seek(0)
                said = errors.read(MAX_ERROR_BYTES).decode(errors="replace")
                raise InstanceError("the sandbox did not come up", details=said) from None

    def _talk(self, process: subprocess.Popen[bytes], tree: Tree) -> None:
        if tree.base is None:
            pid = _hear(process, "unpack")
            self._fill(tree, pid)
            _say(process, b"unpacked\n")
        pid = _hear(process, "ready")
        # between its last word and the echo, the first process becomes another program
        _say(process, b"waiting %d\n" % pid)
        self._pid = _hear(process, "waiting")

    def _fill(self, tree: Tree, pid: int) -> None:
        """Give the sandbox its tree."""
        if tree.existing is not None:
            place = self.directory / "scratch/root"
            script = 'rmdir -- "$2" && exec mv --no-target-directory -- "$1" "$2"'
            words = ["sh", "-c", script, "sh", str(tree.existing), str(place)]
            userns.run_as_owner(words)
            return
        into = ["nsenter", "--target", str(pid), "--user", "--mount",
                "--setuid", "0", "--setgid", "0", "--wd", "--"]  # fmt: skip
        unpack(tree.image, Path("scratch/root"), prefix=into)

    def _move_in(self, errors: IO[bytes]) -> None:
        """Make the tree the root of the sandbox, and take the host's out of it."""
        command = ["sh", "-c", PIVOT_SCRIPT, "debusine-pivot", str(self.pid)]
        with userns.popen(command, prefix=(), stdout=subprocess.DEVNULL, stderr=errors) as mover:
            if mover.wait():
                raise _SilentError


class _SilentError(Exception):
    """A process that sets a sandbox up ended before its time."""


def _hear(process: subprocess.Popen[bytes], word: str) -> int:
    line = b"" if process.stdout is None else process.stdout.readline()
    said, _, pid = line.decode(errors="replace").strip().partition(" ")
    if said != word:
        raise _SilentError
    return int(pid)


def _say(process: subprocess.Popen[bytes], line: bytes) -> None:
    if process.stdin is not None:
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(line)
            process.stdin.flush()


def unpack(image: Path, directory: Path, *, prefix: Sequence[str] = userns.SUBIDS_ONLY) -> None:
    """
    Unpack an archive as root of the subordinate ids.

    :param prefix: command that enters the namespaces to do it in
    :raises InstanceError: if that fails
    :raises ArchiveError: if the archive cannot be read
    """
    # device nodes cannot be made there; they are bound later
    command = [
        "tar", "--extract", "--file=-", "--numeric-owner", "--exclude=./dev/*",
        f"--directory={directory}",
    ]  # fmt: skip
    with tempfile.TemporaryFile() as errors:
        process = userns.popen(
            command,
            prefix=prefix,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=errors,
        )
        with process, open_stream(image) as stream:
            if process.stdin is not None:
                # why tar ended early is known from its status
                with contextlib.suppress(BrokenPipeError), process.stdin:
                    shutil.copyfileobj(stream, process.stdin, CHUNK_BYTES)
        if process.returncode:
            errors.seek(0)
            said = errors.read(MAX_ERROR_BYTES).decode(errors="replace")
            raise InstanceError(f"cannot unpack {image.name}", details=said)
