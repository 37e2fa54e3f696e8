# SPDX-License-Identifier: GPL-3.0-or-later
"""A sandbox that is a directory, in which commands do what a test says."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from typing_extensions import override

from debusine.artifacts.kinds.system_tarball import SystemTarball
from debusine.domain.executor import BackendType
from debusine.tasks.executors.base import (
    Executor,
    ExecutorOptions,
    ExecutorStatistics,
    ImageNotDownloadedError,
    ImageSource,
    Instance,
)
from debusine.tasks.executors.instance import Stream

USERS = {"root": 0}
FIRST_UID = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class FakeResult:
    """
    What a command does in a fake sandbox.

    :param hangs_s: it sleeps for so many seconds after its output

    >>> FakeResult(returncode=2, stderr=b"no such file").returncode
    2
    """

    returncode: int = 0
    stdout: bytes = b""
    stderr: bytes = b""
    hangs_s: float = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class FakeCall:
    """
    A command that was run in a fake sandbox.

    :param cwd: directory of the sandbox; None is the default
    :param env: variables that it was given beside the usual ones
    :param network: whether it could reach the network

    >>> FakeCall(argv=("apt-get", "update"), cwd=None, env={}, as_root=True).argv[0]
    'apt-get'
    """

    argv: tuple[str, ...]
    cwd: Path | None
    env: Mapping[str, str]
    as_root: bool
    network: bool = True


Script = Callable[[FakeCall, "FakeInstance"], FakeResult]
"""Says what a command does; it may change the files below ``instance.root``."""


def succeed(call: FakeCall, instance: FakeInstance) -> FakeResult:
    """
    Every command succeeds and says nothing.

    >>> instance = FakeInstance(succeed)
    >>> instance.start()
    >>> instance.run(["anything"]).returncode
    0
    >>> instance.stop()
    """
    del call, instance
    return FakeResult()


class FakeInstance(Instance):
    """
    A sandbox whose files lie below ``root``.

    :param script: what its commands do

    >>> def install(call: FakeCall, instance: FakeInstance) -> FakeResult:
    ...     instance.inside(Path("/installed")).write_text(call.argv[-1])
    ...     return FakeResult(stdout=b"done")
    >>> instance = FakeInstance(install)
    >>> instance.start()
    >>> instance.run(["apt-get", "install", "hello"], run_as_root=True).stdout
    b'done'
    >>> instance.inside(Path("/installed")).read_text(), instance.calls[0].as_root
    ('hello', True)
    >>> instance.stop()
    """

    def __init__(self, script: Script = succeed) -> None:
        super().__init__()
        self.script = script
        self.calls: list[FakeCall] = []
        """Commands that were run, in order."""
        self.started = 0
        """How often it was started."""
        self._root: Path | None = None
        self._users = dict(USERS)

    @property
    def root(self) -> Path:
        """Where its files lie, while it is started."""
        assert self._root is not None, "not started"
        return self._root

    def inside(self, path: Path) -> Path:
        """Where a path of the sandbox lies outside."""
        return self.root / path.relative_to("/")

    @override
    def is_started(self) -> bool:
        return self._root is not None

    @override
    def _start(self) -> None:
        self._root = Path(tempfile.mkdtemp(prefix="fake-instance-"))
        self.started += 1

    @override
    def _stop(self) -> None:
        shutil.rmtree(self.root)
        self._root = None

    @override
    def _cut_network(self) -> bool:
        return True

    @override
    def _popen(
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
        call = FakeCall(
            argv=tuple(args), cwd=cwd, env=env, as_root=user[0] == 0, network=self.has_network
        )
        self.calls.append(call)
        result = self.script(call, self)
        return subprocess.Popen(
            ["sh", "-c", _as_shell(result)],
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
        )

    @override
    def file_push(
        self,
        source: Path,
        target: Path,
        *,
        user: str = "root",
        group: str = "root",
        mode: int = 0o644,
    ) -> None:
        shutil.copyfile(source, self.inside(target))
        self.inside(target).chmod(mode)

    @override
    def file_pull(self, source: Path, target: Path) -> None:
        shutil.copyfile(self.inside(source), target)

    @override
    def directory_push(
        self, source: Path, target: Path, *, user: str = "root", group: str = "root"
    ) -> None:
        shutil.copytree(source, self.inside(target) / source.name)

    @override
    def mkdir(
        self,
        target: Path,
        *,
        user: str = "root",
        group: str = "root",
        mode: int = 0o755,
        parents: bool = False,
    ) -> None:
        self.inside(target).mkdir(mode=mode, parents=parents)

    @override
    def create_user(self, username: str | None = None) -> int:
        return self._users.setdefault(username or self.non_root_user, FIRST_UID + len(self._users))

    @override
    def user_id(self, name: str) -> int:
        return self._users[name]

    @override
    def group_id(self, name: str) -> int:
        return self._users[name]


class FakeExecutor(Executor):
    """
    An environment whose instances are :class:`FakeInstance`.

    A task uses it when it is set as its ``executor_type``.

    >>> from debusine.testing.task_client import FakeTaskClient
    >>> client = FakeTaskClient()
    >>> client.add_environment(1)
    >>> executor = FakeExecutor(client, 1, "System", Path("/nowhere"))
    >>> executor.download_image()
    '/nowhere/image.tar.zst'
    >>> executor.create().is_started()
    False
    """

    backend: ClassVar[BackendType] = BackendType.UNSHARE
    image_category = SystemTarball.category
    script: ClassVar[Script] = staticmethod(succeed)

    def __init__(
        self,
        client: ImageSource,
        system_image_id: int,
        workspace: str,
        working_directory: Path,
        *,
        options: ExecutorOptions | None = None,
    ) -> None:
        super().__init__(client, system_image_id, workspace, working_directory, options=options)
        self._downloaded = False

    @classmethod
    @override
    def check_available(cls) -> None:
        """Nothing is missing."""

    @override
    def download_image(self) -> str:
        self._downloaded = True
        return self.image_name()

    @override
    def image_name(self) -> str:
        if not self._downloaded:
            raise ImageNotDownloadedError("the image was not downloaded")
        return str(self.working_directory / "image.tar.zst")

    @override
    def create(self) -> FakeInstance:
        self.image_name()
        return FakeInstance(type(self).script)

    @override
    def autopkgtest_virt_server(self) -> str:
        return "fake"

    @override
    def autopkgtest_virt_args(self) -> list[str]:
        return ["--image", self.image_name()]

    @classmethod
    @override
    def get_statistics(cls, instance: Instance | None) -> ExecutorStatistics:
        return ExecutorStatistics(disk_space=None if instance is None else 4096, cpu_count=2)


def scripted_executor(script: Script) -> type[FakeExecutor]:
    """
    An executor in whose instances commands do what a script says.

    :returns: a class, for ``executor_type`` of a task

    >>> kind = scripted_executor(lambda call, instance: FakeResult(returncode=1))
    >>> issubclass(kind, FakeExecutor)
    True
    """
    return type("ScriptedExecutor", (FakeExecutor,), {"script": staticmethod(script)})


def _as_shell(result: FakeResult) -> str:
    out, err = (
        shlex.quote("".join(f"\\{byte:03o}" for byte in data))
        for data in (result.stdout, result.stderr)
    )
    sleep = f"sleep {result.hangs_s};" if result.hangs_s else ""
    return f"printf {out}; printf {err} >&2; {sleep} exit {result.returncode}"
