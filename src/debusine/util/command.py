# SPDX-License-Identifier: GPL-3.0-or-later
"""
Run a program to its end: the one place for environment, time limit and group kill.

>>> run(Command(["printf", "%s", "hello"])).stdout
b'hello'
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import IO

from debusine.errors import DebusineError, NotPossibleError

STDERR_LINES_SHOWN = 20
_CREDENTIALS = re.compile(r"(://[^/\s:@]*):[^@/\s]+@")
_SECRET_NAME = re.compile(r"TOKEN|SECRET|PASSW|KEY", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Command:
    """
    A program to run and all that it sees.

    :param argv: program and arguments, never a shell line
    :param cwd: where it runs; ``None`` is the current directory
    :param env: its whole environment; ``None`` inherits ours
    :param timeout_s: the whole group is killed after so many seconds
    :param stdin: a file or bytes to read; ``None`` is empty
    :param log: an open binary file that gets output and errors as they come;
        without it both are captured
    :param check: a status other than zero is a :class:`CommandError`
    """

    argv: Sequence[str]
    _: KW_ONLY
    cwd: Path | None = None
    env: Mapping[str, str] | None = None
    timeout_s: float | None = None
    stdin: Path | bytes | None = None
    log: IO[bytes] | None = None
    check: bool = True

    def as_shell(self) -> str:
        """
        The command as a line that a person can paste into a shell, secrets masked.

        >>> Command(["ls", "a b"], cwd=Path("/tmp")).as_shell()
        "cd /tmp && ls 'a b'"
        """
        parts = []
        if self.cwd is not None:
            parts.append(f"cd {shlex.quote(str(self.cwd))} &&")
        if self.env is not None:
            parts.extend(["env -i", *(_assignment(*item) for item in sorted(self.env.items()))])
        parts.append(shlex.join(self.argv))
        return _CREDENTIALS.sub(r"\1:***@", " ".join(parts))


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """
    How a program ended; both outputs are empty if they went to a log.

    :param returncode: exit status, or minus the signal that ended it
    """

    returncode: int
    stdout: bytes
    stderr: bytes

    @property
    def text(self) -> str:
        """Standard output as text; bytes that are not UTF-8 are replaced."""
        return self.stdout.decode(errors="replace")


class CommandError(DebusineError):
    """
    A program failed or took too long; its text shows the command to repeat.

    :param completed: how it ended
    :param timed_out: true if we killed it because its time was over
    """

    code = "command-failed"
    status = 500

    def __init__(self, command: Command, completed: Completed, *, timed_out: bool = False) -> None:
        self.command = command
        self.completed = completed
        self.timed_out = timed_out
        how = f"took longer than {command.timeout_s:g} s" if timed_out else _how(completed)
        stderr = completed.stderr.decode(errors="replace").strip().splitlines()
        super().__init__(
            f"command {how}: {command.as_shell()}",
            details=_CREDENTIALS.sub(r"\1:***@", "\n".join(stderr[-STDERR_LINES_SHOWN:])) or None,
        )

    @property
    def returncode(self) -> int:
        """Exit status, or minus the signal that ended it."""
        return self.completed.returncode


def run(command: Command) -> Completed:
    """
    Run a program in a session of its own and wait for it.

    Its whole process group is killed when time is over or when we are interrupted.

    :raises CommandError: if it took too long, or failed and ``check`` is set
    :raises NotPossibleError: if the program or the working directory does not exist
    """
    with _start(command) as process:
        try:
            given = command.stdin if isinstance(command.stdin, bytes) else None
            stdout, stderr = process.communicate(given, timeout=command.timeout_s)
        except subprocess.TimeoutExpired as error:
            kill_group(process.pid)
            # whoever left the group may hold the pipes open: do not wait for the rest
            process.wait()
            done = Completed(
                returncode=process.returncode,
                stdout=error.stdout or b"",
                stderr=error.stderr or b"",
            )
            raise CommandError(command, done, timed_out=True) from error
        except BaseException:
            kill_group(process.pid)
            raise
    done = Completed(returncode=process.returncode, stdout=stdout or b"", stderr=stderr or b"")
    if command.check and done.returncode != 0:
        raise CommandError(command, done)
    return done


def kill_group(pid: int, with_signal: signal.Signals = signal.SIGKILL) -> None:
    """Send a signal to a process group; it may be gone already."""
    try:
        os.killpg(pid, with_signal)
    except (ProcessLookupError, PermissionError):
        # on some kernels a group of zombies answers EPERM
        return


@contextmanager
def _start(command: Command) -> Iterator[subprocess.Popen[bytes]]:
    with _open_stdin(command) as stdin:
        try:
            process = subprocess.Popen(
                list(command.argv),
                cwd=command.cwd,
                env=None if command.env is None else dict(command.env),
                stdin=stdin,
                stdout=command.log or subprocess.PIPE,
                stderr=subprocess.STDOUT if command.log else subprocess.PIPE,
                start_new_session=True,
            )
        except (FileNotFoundError, NotADirectoryError) as error:
            raise missing(command.argv[0], command.cwd) from error
    with process:
        yield process


@contextmanager
def _open_stdin(command: Command) -> Iterator[IO[bytes] | int]:
    if isinstance(command.stdin, Path):
        with command.stdin.open("rb") as file:
            yield file
    else:
        yield subprocess.DEVNULL if command.stdin is None else subprocess.PIPE


def missing(program: str, cwd: Path | None = None) -> NotPossibleError:
    """Say that a program cannot be started because it, or its directory, is not there."""
    if cwd is not None and not cwd.is_dir():
        return NotPossibleError(f"cannot run {program}: no such directory: {cwd}")
    return NotPossibleError(
        f"program not found: {program}",
        resolution=f"Install the package that provides {program}.",
    )


def _how(completed: Completed) -> str:
    if completed.returncode >= 0:
        return f"failed with exit status {completed.returncode}"
    try:
        name = signal.Signals(-completed.returncode).name
    except ValueError:
        name = str(-completed.returncode)
    return f"was ended by signal {name}"


def _assignment(name: str, value: str) -> str:
    shown = "***" if _SECRET_NAME.search(name) else shlex.quote(value)
    return f"{name}={shown}"
