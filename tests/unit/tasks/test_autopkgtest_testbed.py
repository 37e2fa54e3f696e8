# SPDX-License-Identifier: GPL-3.0-or-later
"""The testbed is talked to through the program that autopkgtest would start."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from urllib.parse import quote, unquote

import pytest
from typing_extensions import override

from debusine.tasks.autopkgtest_data import AutopkgtestTimeout
from debusine.tasks.autopkgtest_testbed import (
    COPY_LIMIT_S,
    Testbed,
    own_testbed,
    serving,
    virt_server,
)
from debusine.tasks.executors.instance import Stream
from debusine.tasks.executors.unshare import UnshareExecutor
from debusine.testing.executor import FakeExecutor, FakeInstance
from debusine.testing.task_client import FakeTaskClient


class HostInstance(FakeInstance):
    """Runs its commands, on this machine; only making users is left out."""

    def __init__(self, scratch: Path) -> None:
        super().__init__()
        self.scratch = scratch
        self.processes: list[subprocess.Popen[bytes]] = []

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
        assert user == (0, 0)
        process = subprocess.Popen(
            ["true"] if args[0] == "useradd" else list(args),
            env={**os.environ, "TMPDIR": str(self.scratch)},
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
        )
        self.processes.append(process)
        return process

    @override
    def _stop(self) -> None:
        for process in self.processes:
            process.kill()
        super()._stop()


class Core:
    """What autopkgtest does: it writes lines to the program and reads lines from it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    @property
    def _streams(self) -> tuple[IO[str], IO[str]]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        return self.process.stdin, self.process.stdout

    def ask(self, command: str, *arguments: str) -> list[str]:
        """Send a command; returns the words of the answer."""
        stdin, _ = self._streams
        print(command, *map(quote, arguments), file=stdin, flush=True)
        return self.hear()

    def hear(self) -> list[str]:
        """The words of a line, none if there is none any more."""
        return self._streams[1].readline().split()


class Scene:
    """A testbed on this machine."""

    def __init__(self, directory: Path, *, limit_s: float = COPY_LIMIT_S) -> None:
        self.scratch = directory / "scratch"
        self.scratch.mkdir()
        self.instances: list[HostInstance] = []
        self.testbed = Testbed(
            self.create,
            lambda instance: ["enter", f"number {self.instances.index(instance)}"],  # type: ignore[arg-type]  # we made it
            directory / "pipes",
            base=directory,
            limit_s=limit_s,
        )

    def create(self) -> HostInstance:
        self.instances.append(HostInstance(self.scratch))
        return self.instances[-1]

    @contextmanager
    def core(self) -> Iterator[Core]:
        """Start what autopkgtest starts."""
        with (
            serving(self.testbed),
            subprocess.Popen(
                self.testbed.program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            ) as process,
        ):
            yield Core(process)
        assert process.returncode == 0
        assert not any(instance.is_started() for instance in self.instances)
        assert not self.testbed.directory.exists()


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_a_whole_conversation(scene: Scene) -> None:
    with scene.core() as core:
        assert core.hear() == ["ok"]
        assert core.ask("capabilities") == [
            "ok", "revert", "revert-full-system", "root-on-testbed",
            "suggested-normal-user=unshare",
        ]  # fmt: skip
        ok, place = core.ask("open")
        assert ok == "ok"
        assert Path(unquote(place)).parent == scene.scratch
        assert Path(unquote(place)).stat().st_mode & 0o7777 == 0o1777
        _, command = core.ask("print-execute-command")
        assert [unquote(word) for word in command.split(",")] == [
            "enter", "number 0",
            "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "SHELL=/bin/sh",
        ]  # fmt: skip
        # trees know where they were built
        Path(unquote(place)).rmdir()
        assert core.ask("revert") == ["ok", place]
        assert Path(unquote(place)).is_dir()
        assert [instance.is_started() for instance in scene.instances] == [False, True]
        assert core.ask("close") == ["ok"]
        assert not scene.instances[1].is_started()
        assert core.ask("quit") == ["ok"]
    assert scene.testbed.troubles == []


def test_files_go_down_and_up(scene: Scene, tmp_path: Path) -> None:
    script, text, copy = tmp_path / "a script", tmp_path / "text", tmp_path / "copy"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    text.write_bytes(b"\0\xff")
    inside = scene.scratch / "in side"
    with scene.core() as core:
        core.hear()
        core.ask("open")
        assert core.ask("copydown", str(script), str(inside)) == ["ok"]
        assert inside.read_text() == "#!/bin/sh\n"
        assert os.access(inside, os.X_OK)
        assert core.ask("copydown", str(text), str(scene.scratch / "text")) == ["ok"]
        assert core.ask("copyup", str(scene.scratch / "text"), "copy") == ["ok"]
    assert copy.read_bytes() == b"\0\xff"


def test_trees_go_down_and_up(scene: Scene, tmp_path: Path) -> None:
    tree, copy = tmp_path / "tree", tmp_path / "copy"
    (tree / "debian" / "tests").mkdir(parents=True)
    (tree / "debian" / "tests" / "run").write_text("#!/bin/sh\n")
    (tree / "debian" / "tests" / "run").chmod(0o755)
    (tree / "link").symlink_to("debian/tests/run")
    inside = scene.scratch / "tree"
    with scene.core() as core:
        core.hear()
        core.ask("open")
        assert core.ask("copydown", f"{tree}/", f"{inside}/") == ["ok"]
        assert (inside / "link").readlink() == Path("debian/tests/run")
        assert core.ask("copyup", f"{inside}/", f"{copy}/") == ["ok"]
    assert (copy / "debian" / "tests" / "run").stat().st_mode & 0o777 == 0o755
    assert (copy / "link").is_symlink()


def test_a_link_of_the_testbed_leads_to_no_file_of_the_host(scene: Scene, tmp_path: Path) -> None:
    """Only the testbed itself follows its links: what comes up is a link again."""
    secret = tmp_path / "secret"
    secret.write_text("secret")
    artifacts = scene.scratch / "artifacts"
    artifacts.mkdir()
    (artifacts / "stolen").symlink_to(secret)
    (artifacts / "up").symlink_to("..")
    copy = tmp_path / "copy"
    with scene.core() as core:
        core.hear()
        core.ask("open")
        assert core.ask("copyup", f"{artifacts}/", f"{copy}/") == ["ok"]
        assert core.ask("copyup", f"{artifacts}/", f"{copy}/") == ["ok"]
    assert (copy / "stolen").is_symlink()
    assert secret.read_text() == "secret"


@pytest.mark.parametrize(
    ("command", "trouble"),
    [
        (("reboot",), "testbed, at reboot: autopkgtest asks its testbed for what it has not"),
        (("revert", "twice"), "testbed, at revert: "),
        (("copyup", "/no/such/file", "/nowhere/file"), "testbed, at copyup: "),
        (("copydown", "/no/such/tree/", "/tmp/"), "testbed, at copydown: "),
    ],
)
def test_what_it_cannot_do_is_the_end(scene: Scene, command: tuple[str, ...], trouble: str) -> None:
    with scene.core() as core:
        core.hear()
        core.ask("open")
        assert core.ask(*command) == []
    [found] = scene.testbed.troubles
    assert found.startswith(trouble)


def test_it_is_opened_before_it_is_used(scene: Scene) -> None:
    with scene.core() as core:
        core.hear()
        assert core.ask("print-execute-command") == []
    assert "before it opens it" in scene.testbed.troubles[0]


def test_what_hangs_in_it_is_ended(tmp_path: Path) -> None:
    scene = Scene(tmp_path, limit_s=0.2)
    pipe = scene.scratch / "pipe"
    os.mkfifo(pipe)
    with scene.core() as core:
        core.hear()
        core.ask("open")
        assert core.ask("copyup", str(pipe), str(tmp_path / "copy")) == []
    assert len(scene.testbed.troubles) == 1


def test_who_leaves_while_it_hangs_does_not_wait(scene: Scene, tmp_path: Path) -> None:
    pipe = scene.scratch / "pipe"
    os.mkfifo(pipe)
    with scene.core() as core:
        core.hear()
        core.ask("open")
        stdin, _ = core._streams
        print("copyup", pipe, tmp_path / "copy", file=stdin, flush=True)


def test_nobody_need_come(scene: Scene) -> None:
    with serving(scene.testbed):
        pass
    assert not scene.testbed.directory.exists()


def test_other_executors_have_servers_of_their_own(tmp_path: Path) -> None:
    client = FakeTaskClient()
    client.add_environment(1)
    fake = FakeExecutor(client, 1, "System", tmp_path)
    fake.download_image()
    assert own_testbed(fake, None, tmp_path / "pipes", base=tmp_path) is None
    assert virt_server(fake, None) == ["fake", "--image", f"{tmp_path}/image.tar.zst"]


@pytest.mark.parametrize(
    ("timeout", "expected"),
    [
        (None, 300),
        ({"factor": 2}, 600),
        ({"factor": 2, "copy": 7}, 7),
        ({"global": 5}, 300),
    ],
)
def test_how_long_copying_may_take(
    tmp_path: Path, timeout: dict[str, int] | None, expected: float
) -> None:
    client = FakeTaskClient()
    client.add_environment(1)
    executor = UnshareExecutor(client, 1, "System", tmp_path)
    given = None if timeout is None else AutopkgtestTimeout.model_validate(timeout)
    found = own_testbed(executor, given, tmp_path / "pipes", base=tmp_path)
    assert found is not None
    assert found._limit_s == expected
    assert virt_server(executor, found) == found.program
