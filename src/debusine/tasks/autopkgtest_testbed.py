# SPDX-License-Identifier: GPL-3.0-or-later
"""
Lend autopkgtest a sandbox of ours, in place of one that it unpacks at every turn.

autopkgtest talks to a program that it starts. That is two calls of ``cat``: the other end
of their pipes is here, as who runs tasks may not be allowed to start Python anew. No file
of the testbed is read from outside, where a link of it would lead to files of the host.

:source: README.virtualisation-server of autopkgtest
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread, Timer
from urllib.parse import quote, unquote

from debusine.errors import DebusineError
from debusine.tasks.autopkgtest_data import AutopkgtestTimeout
from debusine.tasks.executors.base import Executor, Instance
from debusine.tasks.executors.unshare import UnshareExecutor, UnshareInstance
from debusine.tasks.kept_environment import KeptEnvironment
from debusine.util.command import Command, run

COPY_LIMIT_S = 300
"""As autopkgtest's own."""
USER = "unshare"
"""As autopkgtest-virt-unshare calls it."""
CAPABILITIES = f"revert revert-full-system root-on-testbed suggested-normal-user={USER}"
ANSWERS, REQUESTS = "answers", "requests"
_PATIENCE_S = 0.2
_ENVIRONMENT = ("env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "SHELL=/bin/sh")
_RELAY = 'cat <"$1" & exec cat >"$2"'
_MAKE_PLACE = 'd=${1:-$(mktemp --directory --tmpdir autopkgtest.XXXXXX)}; \
mkdir --mode=1777 --parents "$d"; chmod 1777 "$d"; echo "$d"'
_UNPACK = 'mkdir -p -- "$1"; exec tar --directory="$1" --preserve-permissions --no-same-owner \
--extract --file=-'

Enter = Callable[[Instance], Sequence[str]]
"""Says how to start a command in a sandbox, as its root."""


class TestbedError(ValueError):
    """autopkgtest asks for what a testbed cannot do."""

    __test__ = False


class Testbed:
    """
    A sandbox that autopkgtest tells what to do.

    :param create: makes a new instance
    :param directory: for the pipes to autopkgtest; made, and removed, by :func:`serving`
    :param base: where autopkgtest runs
    :param limit_s: how long copying may take; 0: as long as it does
    """

    __test__ = False

    def __init__(
        self,
        create: Callable[[], Instance],
        enter: Enter,
        directory: Path,
        *,
        base: Path,
        limit_s: float = COPY_LIMIT_S,
    ) -> None:
        self.directory = directory
        self.troubles: list[str] = []
        """Why it was lost, a line each."""
        self._create = create
        self._enter = enter
        self._base = base
        self._limit_s = limit_s
        self.keeps = False
        """Whether the last one stays once autopkgtest has finished with it."""
        self._instance: Instance | None = None
        self._place = ""

    @property
    def program(self) -> list[str]:
        """What autopkgtest starts as its virtualisation server."""
        paths = (str(self.directory / name) for name in (ANSWERS, REQUESTS))
        return ["/bin/sh", "-c", _RELAY, "testbed", *paths]

    def answer(self, line: str) -> str:
        """
        Do what a line asks for.

        :returns: what it answers after ``ok``
        :raises TestbedError: if it is not understood
        """
        match [unquote(word) for word in line.split()]:
            case ["capabilities"]:
                return CAPABILITIES
            case ["open"]:
                return self._open()
            case ["revert"]:
                self.close()
                return self._open()
            case ["print-execute-command"]:
                command = [*self._enter(self._opened()), *_ENVIRONMENT]
                return ",".join(map(quote, command))
            case ["copydown", source, target]:
                self._copy_down(self._base / source, target, is_tree=source.endswith("/"))
            case ["copyup", source, target]:
                self._copy_up(source, self._base / target, is_tree=source.endswith("/"))
            case ["close"] | ["quit"]:
                self.leave()
            case _:
                message = f"autopkgtest asks its testbed for what it has not: {line[:200]}"
                raise TestbedError(message)
        return ""

    def close(self) -> None:
        """End what runs in the testbed, and take it away."""
        instance, self._instance = self._instance, None
        if instance is not None and instance.is_started():
            instance.stop()

    def leave(self) -> None:
        """The same, unless it is kept."""
        if not self.keeps:
            self.close()

    def kept(self) -> KeptEnvironment | None:
        """What is left of it, if it is kept."""
        instance = self._instance
        if instance is None or not self.keeps or not instance.is_started():
            return None
        return KeptEnvironment(instance=instance, user=USER, directory=Path(self._place or "/"))

    def _opened(self) -> Instance:
        if self._instance is None:
            message = "autopkgtest uses its testbed before it opens it"
            raise TestbedError(message)
        return self._instance

    def _open(self) -> str:
        self._instance = instance = self._create()
        instance.start()
        # where that is not possible, tests that want an ordinary user cannot run
        instance.run(["useradd", "--create-home", USER], run_as_root=True)
        # trees know where they were built: it stays the same after a reset
        make = ["sh", "-ec", _MAKE_PLACE, "sh", self._place]
        done = instance.run(make, run_as_root=True, check=True).stdout
        self._place = done.decode().strip()
        return quote(self._place)

    def _run(
        self,
        argv: Sequence[str],
        *,
        stdin: int = subprocess.DEVNULL,
        stdout: int = subprocess.DEVNULL,
    ) -> None:
        """Run a part of copying."""
        instance = self._opened()
        # what answers in it may be of the package's making
        with _limited(self._limit_s, self.close):
            instance.run(argv, run_as_root=True, check=True, stdin=stdin, stdout=stdout)

    def _copy_down(self, source: Path, target: str, *, is_tree: bool) -> None:
        if is_tree:
            with tempfile.NamedTemporaryFile(dir=self.directory) as packed:
                pack = ["tar", f"--directory={source}", "--create", f"--file={packed.name}", "."]
                run(Command(pack))
                self._run(["sh", "-ec", _UNPACK, "sh", target], stdin=packed.fileno())
            return
        with source.open("rb") as file:
            self._run(["sh", "-ec", 'cat >"$1"', "sh", target], stdin=file.fileno())
            if os.fstat(file.fileno()).st_mode & 0o111:
                self._run(["chmod", "+x", "--", target])

    def _copy_up(self, source: str, target: Path, *, is_tree: bool) -> None:
        if not is_tree:
            with target.open("wb") as file:
                self._run(["cat", "--", source], stdout=file.fileno())
            return
        target.mkdir(exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=self.directory) as packed:
            self._run(
                ["tar", f"--directory={source}", "--create", "--file=-", "."],
                stdout=packed.fileno(),
            )
            unpack = ["tar", f"--directory={target}", "--extract", f"--file={packed.name}"]
            run(Command([*unpack, "--no-same-owner", "--no-same-permissions"]))


@contextmanager
def _limited(limit_s: float, end: Callable[[], None]) -> Iterator[None]:
    """Call something if it takes too long; 0: however long it takes."""
    timer = Timer(limit_s, end)
    if limit_s:
        timer.start()
    try:
        yield
    finally:
        timer.cancel()
        if limit_s:
            # what was begun is done when we go on
            timer.join()


def own_testbed(
    executor: Executor, timeout: AutopkgtestTimeout | None, directory: Path, *, base: Path
) -> Testbed | None:
    """
    A testbed in the sandboxes of an executor.

    :param directory: for the pipes to autopkgtest
    :param base: where autopkgtest runs
    :returns: None if autopkgtest has to make one itself
    """
    if not isinstance(executor, UnshareExecutor):
        return None
    limit_s = float(COPY_LIMIT_S)
    if timeout is not None and timeout.copy_ is not None:
        limit_s = timeout.copy_
    elif timeout is not None and timeout.factor is not None:
        limit_s *= timeout.factor
    return Testbed(executor.create, _enter_namespaces, directory, base=base, limit_s=limit_s)


def virt_server(executor: Executor, testbed: Testbed | None) -> list[str]:
    """Name what autopkgtest starts, with its arguments."""
    if testbed is not None:
        return testbed.program
    return [executor.autopkgtest_virt_server(), *executor.autopkgtest_virt_args()]


def _enter_namespaces(instance: Instance) -> list[str]:
    assert isinstance(instance, UnshareInstance), "of another executor"
    return instance.session.enter_command(user=(0, 0), network=True)


@contextmanager
def serving(testbed: Testbed) -> Iterator[None]:
    """Answer autopkgtest as long as it runs; after that, the testbed is gone, or kept."""
    directory = testbed.directory
    directory.mkdir()
    for name in (ANSWERS, REQUESTS):
        os.mkfifo(directory / name)
    thread = Thread(target=_serve, args=(testbed,), name="testbed", daemon=True)
    thread.start()
    try:
        yield
    finally:
        _hang_up(directory)
        thread.join(_PATIENCE_S)
        while thread.is_alive():
            # it waits for something in the testbed, or for a program that never came
            testbed.close()
            _hang_up(directory)
            thread.join(_PATIENCE_S)
        testbed.leave()
        shutil.rmtree(directory)


def _serve(testbed: Testbed) -> None:
    with (
        suppress(BrokenPipeError),
        (testbed.directory / ANSWERS).open("w") as answers,
        (testbed.directory / REQUESTS).open() as requests,
    ):
        print("ok", file=answers, flush=True)
        for line in requests:
            try:
                answer = testbed.answer(line)
            except (DebusineError, OSError, ValueError, subprocess.SubprocessError) as error:
                # autopkgtest is told by the end of the answers
                testbed.troubles.append(f"testbed, at {line.split(' ')[0].strip()}: {error}")
                return
            print(f"ok {answer}".rstrip(), file=answers, flush=True)


def _hang_up(directory: Path) -> None:
    """Let go who waits for the other end of a pipe."""
    for name, mode in ((ANSWERS, os.O_RDONLY), (REQUESTS, os.O_WRONLY)):
        with suppress(OSError):
            os.close(os.open(directory / name, mode | os.O_NONBLOCK))
