# SPDX-License-Identifier: GPL-3.0-or-later
"""Port: one running sandbox."""

from __future__ import annotations

import subprocess
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, ClassVar, TypeAlias

from debusine.errors import ConflictError, UserError
from debusine.tasks.executors import transfer

NON_ROOT_USER = "_debusine"

Stream: TypeAlias = int | IO[Any] | None


class InstanceStateError(ConflictError):
    """An instance is running and must not be, or the other way round."""

    code = "instance-state"


class InstanceError(UserError):
    """An instance could not be started, or does not do as it should."""

    code = "instance"


class Instance(ABC):
    """
    One sandbox; what happens in it stays in it.

    The public methods check the state; a backend answers the methods whose
    names start with an underscore.
    """

    non_root_user: ClassVar[str] = NON_ROOT_USER
    takes_terminals: ClassVar[bool] = False
    """Whether commands may be given a terminal: then it can be kept for people."""

    def __init__(self) -> None:
        self._ids: dict[tuple[str, str], int] = {}
        self.has_network = True  # whether commands that are started now reach that of the machine

    @abstractmethod
    def is_started(self) -> bool:
        """Whether commands can run in it."""

    @abstractmethod
    def _start(self) -> None:
        """Make it ready for commands; on error nothing is left behind."""

    @abstractmethod
    def _stop(self) -> None:
        """End its processes and remove every trace of it."""

    @abstractmethod
    def _popen(  # noqa: PLR0913  the parameters of a process
        self,
        args: Sequence[str],
        *,
        cwd: Path | None,
        env: Mapping[str, str],
        user: tuple[int, int],
        stdin: Stream,
        stdout: Stream,
        stderr: Stream,
    ) -> subprocess.Popen[bytes]:
        """Start a command as user and group ``user`` (numbers in the instance)."""

    def _cut_network(self) -> bool:
        """End what has the network; false if the backend cannot take it away."""
        return False

    def used_bytes(self) -> int:
        """What its files take, as far as the backend can tell."""
        return 0

    def start(self) -> None:
        """
        Make a pristine system and get it ready for commands.

        :raises InstanceStateError: if it runs already
        :raises InstanceError: if it does not come up
        """
        if self.is_started():
            raise InstanceStateError("the instance is running already")
        self._ids.clear()
        self.has_network = True
        self._start()

    def stop(self) -> None:
        """
        End its processes and remove every trace of it.

        :raises InstanceStateError: if it does not run
        """
        self._require_started()
        self._stop()

    def restart(self) -> None:
        """
        Boot it again, its files stay; nothing to do for backends that do not boot.

        :raises InstanceStateError: if it does not run
        """
        self._require_started()

    def cut_network(self) -> None:
        """
        Let commands from now on have a loopback only, end those that run, if the backend can.

        :raises InstanceStateError: if it does not run
        """
        self._require_started()
        if self.has_network:
            self.has_network = not self._cut_network()

    def popen(  # noqa: PLR0913  the parameters of a process
        self,
        args: Sequence[str],
        *,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        run_as_root: bool = False,
        stdin: Stream = subprocess.DEVNULL,
        stdout: Stream = subprocess.PIPE,
        stderr: Stream = subprocess.PIPE,
    ) -> subprocess.Popen[bytes]:
        """
        Start a command.

        The process leads a process group of its own: ``os.killpg(process.pid, ...)``
        reaches the command and its children in the instance.

        :param cwd: absolute path in the instance
        :param env: the whole environment of the command, except for ``PATH``
        :param run_as_root: otherwise as :attr:`non_root_user`, created if need be
        :raises InstanceStateError: if the instance does not run
        """
        self._require_started()
        if cwd is not None:
            transfer.check_inner_path(cwd)
        user = (0, 0)
        if not run_as_root:
            user = (self.create_user(), self.group_id(self.non_root_user))
        chosen = dict(env or {})
        return self._popen(
            args, cwd=cwd, env=chosen, user=user, stdin=stdin, stdout=stdout, stderr=stderr
        )

    def run(  # noqa: PLR0913  the parameters of a process
        self,
        args: Sequence[str],
        *,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        run_as_root: bool = False,
        input: bytes | None = None,  # noqa: A002  as in subprocess
        stdin: Stream = subprocess.DEVNULL,
        stdout: Stream = subprocess.PIPE,
        stderr: Stream = subprocess.PIPE,
        check: bool = False,
    ) -> subprocess.CompletedProcess[bytes]:
        """
        Run a command to its end, see :meth:`popen`.

        :param input: bytes for its standard input, instead of ``stdin``
        :raises InstanceStateError: if the instance does not run
        :raises subprocess.CalledProcessError: if ``check`` and the status is not 0
        """
        process = self.popen(
            args,
            cwd=cwd,
            env=env,
            run_as_root=run_as_root,
            stdin=stdin if input is None else subprocess.PIPE,
            stdout=stdout,
            stderr=stderr,
        )
        with process:
            out, err = process.communicate(input)
        if check and process.returncode:
            raise subprocess.CalledProcessError(process.returncode, list(args), out, err)
        return subprocess.CompletedProcess(list(args), process.returncode, out, err)

    def file_push(
        self,
        source: Path,
        target: Path,
        *,
        user: str = "root",
        group: str = "root",
        mode: int = 0o644,
    ) -> None:
        """
        Copy a regular file into the instance; the parent must exist.

        :raises ValueError: if ``target`` is not absolute or ``source`` not a regular file
        :raises InstanceStateError: if the instance does not run
        """
        transfer.push_file(self, source, target, user=user, group=group, mode=mode)

    def file_pull(self, source: Path, target: Path) -> None:
        """
        Copy a regular file out of the instance.

        :raises ValueError: if ``source`` is not absolute
        :raises InstanceStateError: if the instance does not run
        """
        transfer.pull_file(self, source, target)

    def directory_push(
        self, source: Path, target: Path, *, user: str = "root", group: str = "root"
    ) -> None:
        """
        Copy a tree of files and directories into the directory ``target``, modes kept.

        :raises ValueError: if ``target`` is not absolute, or the tree holds anything else
        :raises InstanceStateError: if the instance does not run
        """
        transfer.push_directory(self, source, target, user=user, group=group)

    def mkdir(
        self,
        target: Path,
        *,
        user: str = "root",
        group: str = "root",
        mode: int = 0o755,
        parents: bool = False,
    ) -> None:
        """
        Make a directory; with ``parents``, those that are missing get owner root.

        :raises FileExistsError: if there is something at ``target`` already
        :raises InstanceStateError: if the instance does not run
        """
        transfer.make_directory(self, target, owner=(user, group), mode=mode, parents=parents)

    def create_user(self, username: str | None = None) -> int:
        """Make sure that a user exists, :attr:`non_root_user` by default; returns its number."""
        name = username or self.non_root_user
        try:
            return self.user_id(name)
        except KeyError:
            transfer.add_user(self, name)
        return self.user_id(name)

    def user_id(self, name: str) -> int:
        """
        Number of a user in the instance.

        :raises KeyError: if there is none
        """
        return self._look_up("passwd", name)

    def group_id(self, name: str) -> int:
        """
        Number of a group in the instance.

        :raises KeyError: if there is none
        """
        return self._look_up("group", name)

    def _look_up(self, database: str, name: str) -> int:
        if name == "root":
            return 0
        if (database, name) not in self._ids:
            answer = self.run(["getent", database, name], run_as_root=True)
            if answer.returncode:
                raise KeyError(name)
            self._ids[database, name] = int(answer.stdout.split(b":")[2])
        return self._ids[database, name]

    def _require_started(self) -> None:
        if not self.is_started():
            raise InstanceStateError("the instance is not running")
