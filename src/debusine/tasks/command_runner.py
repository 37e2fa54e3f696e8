# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the commands of a task, on the host or in its sandbox, logged, streamed, abortable."""

from __future__ import annotations

import shlex
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from debusine.tasks.abort import AbortSwitch
from debusine.tasks.command_log import write_ending, write_header, write_trailer
from debusine.tasks.logs import LogDirectory, LogSender
from debusine.tasks.process import Ended, Outputs, supervise
from debusine.util.command import missing

if TYPE_CHECKING:
    from debusine.tasks.executors.base import Instance

Spawn = Callable[[int], "subprocess.Popen[bytes]"]
"""Starts a process with a pipe for its output, given where its errors go."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskCommand:
    """
    A command of a task.

    :param env: its whole environment
    :param separator: line that ends the parts of its log
    :param capture: file for standard output, which then is missing in the log
    :param stream_capture: whether what is captured goes live, too
    """

    argv: Sequence[str]
    cwd: Path
    env: Mapping[str, str]
    separator: str
    capture: Path | None = None
    stream_capture: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class CommandRunner:
    """
    Runs commands for one task.

    :param log_filename: log file that all its commands share
    """

    logs: LogDirectory
    abort: AbortSwitch
    sender: LogSender | None
    log_filename: str

    def run_on_host(self, command: TaskCommand) -> Ended:
        """
        Run a command beside ourselves, in a session of its own.

        :raises NotPossibleError: if the program does not exist
        """

        def spawn(stderr: int) -> subprocess.Popen[bytes]:
            try:
                return subprocess.Popen(
                    list(command.argv),
                    cwd=command.cwd,
                    env=dict(command.env),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=stderr,
                    start_new_session=True,
                )
            except FileNotFoundError as error:
                raise missing(command.argv[0], command.cwd) from error

        with self._described(command) as log:
            ended = self._supervise(spawn, log, command)
            write_ending(log, ended)
        return ended

    def run_in_instance(
        self, instance: Instance, command: TaskCommand, *, run_as_root: bool
    ) -> Ended:
        """Run a command in a sandbox."""

        def spawn(stderr: int) -> subprocess.Popen[bytes]:
            return instance.popen(
                command.argv,
                cwd=command.cwd,
                env=command.env,
                run_as_root=run_as_root,
                stdout=subprocess.PIPE,
                stderr=stderr,
            )

        with self._described(command) as log:
            return self._supervise(spawn, log, command)

    def run_step(
        self, instance: Instance, argv: Sequence[str], *, run_as_root: bool, check: bool
    ) -> Ended:
        """
        Run a command in a sandbox that prepares the work of the task.

        :raises subprocess.CalledProcessError: if ``check`` and it failed or was aborted
        """

        def spawn(stderr: int) -> subprocess.Popen[bytes]:
            return instance.popen(
                argv, run_as_root=run_as_root, stdout=subprocess.PIPE, stderr=stderr
            )

        with self.logs.open(self.log_filename, "ab") as log:
            log.write(f"Executing: {shlex.join(argv)}\n".encode(errors="replace"))
            ended = self._supervise(spawn, log)
            if check and ended.returncode != 0:
                code = -1 if ended.returncode is None else ended.returncode
                raise subprocess.CalledProcessError(code, list(argv))
            log.write(f"Execution completed (exit code {ended.returncode})\n".encode())
        return ended

    @contextmanager
    def _described(self, command: TaskCommand) -> Iterator[IO[bytes]]:
        with self.logs.open(self.log_filename, "ab") as log:
            write_header(log, command.argv, captured=command.capture is not None)
            try:
                yield log
            finally:
                write_trailer(
                    log, command.cwd, capture=command.capture, separator=command.separator
                )

    def _supervise(self, spawn: Spawn, log: IO[bytes], command: TaskCommand | None = None) -> Ended:
        capture = None if command is None else command.capture
        if self.abort.pulled:
            return Ended(returncode=None, aborted=True)
        log.flush()
        with nullcontext() if capture is None else capture.open("wb") as captured:
            process = spawn(subprocess.STDOUT if captured is None else subprocess.PIPE)
            outputs = Outputs(
                log=log,
                capture=captured,
                stream_capture=command is None or command.stream_capture,
                sender=self.sender,
            )
            return supervise(process, abort=self.abort, outputs=outputs)


@contextmanager
def temporary_directory(parent: Path, remove_leftovers: Callable[[Path], None]) -> Iterator[Path]:
    """
    Make a directory for temporary files of a command.

    :param remove_leftovers: is called before it is removed
    """
    with tempfile.TemporaryDirectory(prefix="tmp-", dir=parent, ignore_cleanup_errors=True) as name:
        path = Path(name)
        # roots of containers may lie in it
        path.chmod(0o755)
        try:
            yield path
        finally:
            remove_leftovers(path)
