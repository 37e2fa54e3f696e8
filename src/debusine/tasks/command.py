# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks whose work is to run commands."""

from __future__ import annotations

import os
from abc import abstractmethod
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, Generic

from typing_extensions import override

from debusine.domain.result import WorkRequestResults
from debusine.tasks.base import DTD, TD, BaseExternalTask
from debusine.tasks.command_runner import CommandRunner, TaskCommand, temporary_directory
from debusine.tasks.process import Ended


class RunCommandTask(BaseExternalTask[TD, DTD], Generic[TD, DTD]):
    """
    Base of tasks that run one command, or several.

    A subclass says the command in ``_cmdline`` and what its exit status means in
    :meth:`task_result`. Commands of tasks with a sandbox run in it, others on the host.

    >>> from debusine.tasks.models import BaseDynamicTaskData, BaseTaskData
    >>> class Compare(RunCommandTask[BaseTaskData, BaseDynamicTaskData]):
    ...     TASK_VERSION = 1
    ...
    ...     def get_subject(self) -> str | None:
    ...         return None
    ...
    ...     def _cmdline(self) -> list[str]:
    ...         return ["test", "1", "-gt", "2"]
    >>> str(Compare({}).run(Path()))
    'failure'
    """

    CAPTURE_OUTPUT_FILENAME: str | None = None
    """File below the output directory for standard output, where that is what is made."""

    STREAM_CAPTURED_OUTPUT: ClassVar[bool] = True
    """Whether captured output also goes live; if not, :meth:`task_result` says what matters."""

    CMD_LOG_FILENAME = "cmd-output.log"
    """Log file of commands: each with its output and the files it left."""

    CMD_LOG_SEPARATOR = "--------------------"
    """Line that ends the parts of that log file."""

    @abstractmethod
    def _cmdline(self) -> list[str]:
        """The command: program and arguments; asked after ``prepare_to_run``."""

    @staticmethod
    def _cmdline_as_root() -> bool:
        """Whether the command runs as root of the sandbox."""
        return False

    def _cmd_env(self) -> dict[str, str]:
        """Environment of commands: the path, and what the worker's administrator set."""
        return {"PATH": os.environ.get("PATH", os.defpath), **self.worker_environment_variables}

    def _remove_leftovers(self, temporary_directory: Path) -> None:
        """Remove what only the task's own tools can, before the directory is removed."""

    @override
    def run(self, execute_directory: Path) -> WorkRequestResults:
        """Run the one command of ``_cmdline`` and ask :meth:`task_result` what came of it."""
        cmd = self._cmdline()
        self.logger.info("Executing: %s", cmd)
        returncode = self.run_cmd(
            cmd,
            execute_directory,
            env=self._cmd_env(),
            run_as_root=self._cmdline_as_root(),
            capture_stdout_filename=self.CAPTURE_OUTPUT_FILENAME,
        )
        self.logger.info("%s exited with code %s", cmd[0], returncode)
        return self.task_result(returncode, execute_directory)

    def task_result(
        self,
        returncode: int | None,
        execute_directory: Path,  # noqa: ARG002  for subclasses
    ) -> WorkRequestResults:
        """
        Say what the end of the command means; by default only 0 is a success.

        :param returncode: exit status; ``None`` if the task was aborted
        :param execute_directory: what the command made
        :returns: what :meth:`upload_artifacts` and the server get as the result
        """
        return WorkRequestResults.SUCCESS if returncode == 0 else WorkRequestResults.FAILURE

    def run_cmd(
        self,
        cmd: list[str],
        working_directory: Path,
        *,
        env: dict[str, str] | None = None,
        run_as_root: bool = False,
        capture_stdout_filename: str | None = None,
    ) -> int | None:
        """
        Run a command, in the sandbox if there is one; a task may run several.

        When it ends or the task is aborted, all processes that it started are killed, if
        they stayed in its process group. Its log goes to :attr:`CMD_LOG_FILENAME`.

        :param cmd: program and arguments; no shell
        :param working_directory: where it runs; the same path in the sandbox
        :param env: its whole environment; ``None`` is that of ``_cmd_env``
        :param run_as_root: of the sandbox
        :param capture_stdout_filename: file below the working directory, written anew;
            standard output goes there, and into the log after the end of the command
        :returns: its exit status; ``None`` if the task was aborted
        :raises ValueError: if it is to run as root without a sandbox
        :raises NotPossibleError: if the program does not exist
        :source: execve(2), setsid(2), killpg(3)
        """
        capture = capture_stdout_filename and working_directory / capture_stdout_filename
        command = TaskCommand(
            argv=cmd,
            cwd=working_directory,
            env=self._cmd_env() if env is None else env,
            separator=self.CMD_LOG_SEPARATOR,
            capture=capture or None,
            stream_capture=self.STREAM_CAPTURED_OUTPUT,
        )
        ended = self._run_anywhere(command, run_as_root=run_as_root)
        self.last_exit_code = ended.returncode
        return None if ended.aborted else ended.returncode

    def _run_anywhere(self, command: TaskCommand, *, run_as_root: bool) -> Ended:
        runner = self._command_runner(self.CMD_LOG_FILENAME)
        if self.executor_instance is not None:
            return runner.run_in_instance(self.executor_instance, command, run_as_root=run_as_root)
        if run_as_root:
            message = "a command runs as root only in a sandbox"
            raise ValueError(message)
        return self._run_on_host(runner, command)

    def _run_on_host(self, runner: CommandRunner, command: TaskCommand) -> Ended:
        scratch = self.get_scratch_directory()
        with temporary_directory(scratch, self._remove_leftovers) as path:
            home = path / "home"
            home.mkdir()
            # nothing of the worker's user may leak in: an empty home
            env = {"HOME": str(home), **command.env, "TMPDIR": str(path)}
            return runner.run_on_host(replace(command, env=env))
