# SPDX-License-Identifier: GPL-3.0-or-later
"""A person at a terminal looks around where a build failed."""

from __future__ import annotations

import fcntl
import importlib.util
import os
import re
import secrets
import select
import shutil
import signal
import struct
import sys
import termios
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typing_extensions import override

from debusine.artifacts.kinds.system_tarball import SystemTarball
from debusine.cli.building.request import BuildRequest
from debusine.cli.building.shell import DISK, MEMORY, FailedBuild, open_shell
from debusine.cli.building.source import load_source
from debusine.cli.progress import Screen
from debusine.client.local_agent import LocalAgent
from debusine.client.local_server import SCRATCH_PREFIX
from debusine.domain.result import WorkRequestResults
from debusine.domain.work_request import TaskTypes, WorkRequestStatus
from debusine.testing.environment import RealEnvironment, environment
from debusine.testing.ordinary_user import OrdinaryUser, ordinary_user, workplace
from debusine.testing.processes import processes_of
from debusine.testing.waiting import wait_for
from debusine.wire.artifact import ArtifactResponse, FileResponse
from debusine.wire.work_request import WorkRequest

__all__ = ["environment", "ordinary_user", "workplace"]

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]

MAKE_SOURCES = Path(__file__).parents[2] / "data/make_sources.py"
PROMPT = rb"\[failed build of [^\]]*\] [^\n]*\$ "
ENVIRONMENT_ID, REQUEST_ID = 5, 7
LOG = """\
I: NOTICE: Log filtering will replace 'build/{name}-XyZ/{name}-1.0' with '<<PKGBUILDDIR>>'
User Environment
MARK=as in the log
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
Command: dpkg-buildpackage -us -uc -b
"""


@dataclass(frozen=True)
class DiskClient:
    """A server with one environment and one work request, in which a build failed."""

    environment: RealEnvironment

    def work_request_get(self, work_request_id: int) -> WorkRequest:
        assert work_request_id == REQUEST_ID
        return WorkRequest(
            id=REQUEST_ID,
            url="https://d.example.org/7/",
            created_at=datetime(2026, 1, 1, tzinfo=UTC),
            status=WorkRequestStatus.COMPLETED,
            result=WorkRequestResults.FAILURE,
            task_type=TaskTypes.WORKER,
            task_name="sbuild",
            task_data={},
            dynamic_task_data={"environment_id": ENVIRONMENT_ID},
            priority_base=0,
            priority_adjustment=0,
            artifacts=[],
            workspace="w",
        )

    def artifact_get(self, artifact_id: int) -> ArtifactResponse:
        assert artifact_id == ENVIRONMENT_ID
        file = FileResponse(
            size=self.environment.path.stat().st_size, checksums={"sha256": "0" * 64}, url=""
        )
        return ArtifactResponse(
            id=artifact_id,
            url="https://d.example.org/5/",
            scope="s",
            workspace="w",
            category=SystemTarball.category,
            created_at=datetime(2026, 1, 1, tzinfo=UTC),
            data=self.environment.data,
            download_tar_gz_url="",
            files_to_upload=[],
            files={self.environment.path.name: file},
        )

    def download_artifact(
        self, artifact_id: int, destination: Path, *, progress: Callable[[int], None] | None = None
    ) -> ArtifactResponse:
        target = destination / self.environment.path.name
        target.write_bytes(self.environment.path.read_bytes())
        return self.artifact_get(artifact_id)


@pytest.fixture
def nonce() -> str:
    return secrets.token_hex(16)


@pytest.fixture
def failed(tmp_path: Path, nonce: str) -> Callable[[str], FailedBuild]:
    """A build of one of the packages of ``make_sources.py`` that has failed."""
    spec = importlib.util.spec_from_file_location("make_sources", MAKE_SOURCES)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["make_sources"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)

    def make(name: str) -> FailedBuild:
        log = tmp_path / "x.build"
        log.write_text(LOG.format(name=name))
        return FailedBuild(
            work_request=REQUEST_ID,
            log=log,
            source=load_source(module.make_source(module.SOURCES[name], tmp_path, nonce)),
            request=BuildRequest(suite="s", architecture="amd64"),
        )

    return make


def plain(shown: bytes) -> str:
    """What was shown, without colours and the like."""
    return re.sub(r"\x1b\[[?0-9;]*[A-Za-z]", "", shown.decode(errors="replace"))


@dataclass
class Person:
    """Somebody at a terminal, with ``debusine build`` in front of them."""

    process: int
    keys: int
    terminal: int
    seen: bytes = b""
    is_done: bool = False

    def expect(self, pattern: bytes, timeout_s: float = 240) -> bytes:
        """Wait until something shows; returns what showed before."""
        deadline = time.monotonic() + timeout_s
        while not (match := re.search(pattern, self.seen)):
            left = max(0, deadline - time.monotonic())
            assert select.select([self.keys], [], [], left)[0], self.seen[-3000:].decode()
            self.seen += os.read(self.keys, 65536)
        before, self.seen = self.seen[: match.start()], self.seen[match.end() :]
        return before

    def type(self, keys: str) -> None:
        os.write(self.keys, keys.encode())

    def ask(self, command: str) -> list[str]:
        """Run a command in the shell; returns the lines that it prints."""
        self.type(f"{command}\r")
        lines = [line.strip() for line in plain(self.expect(PROMPT)).split("\n")]
        return [line for line in lines[1:] if line]

    def wait(self) -> int:
        """Wait for the end of the program; returns its status."""
        deadline = time.monotonic() + 60
        while True:
            pid, status = os.waitpid(self.process, os.WNOHANG)
            if pid:
                self.is_done = True
                return os.waitstatus_to_exitcode(status)
            assert time.monotonic() < deadline, "it does not end"
            if select.select([self.keys], [], [], 0.05)[0]:
                self.seen += os.read(self.keys, 65536)


@contextmanager
def person(
    client: DiskClient, failed: FailedBuild, worker_user: str, images: Path | None = None
) -> Iterator[Person]:
    agent = LocalAgent(user=worker_user, images=images)
    keys, terminal = os.openpty()
    fcntl.ioctl(keys, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 101, 0, 0))
    process = os.fork()
    if process == 0:
        _be_the_program(client, failed, agent, terminal)
    someone = Person(process=process, keys=keys, terminal=terminal)
    try:
        yield someone
    finally:
        if not someone.is_done:
            # it cleans up, which a failed test shall not prevent
            os.kill(process, signal.SIGHUP)
            os.waitpid(process, 0)
        for descriptor in (keys, terminal):
            os.close(descriptor)


def _be_the_program(
    client: DiskClient, failed: FailedBuild, agent: LocalAgent, terminal: int
) -> None:
    status = 9
    try:
        os.setsid()
        stream = os.fdopen(os.dup(terminal), "w")
        open_shell(
            client,
            failed,
            Screen(stream),
            terminal=terminal,
            output=terminal,
            agent=agent,
        )
        status = 0
    except KeyboardInterrupt:
        status = 8
    except BaseException:  # noqa: BLE001  the test shows it
        os.write(terminal, traceback.format_exc().encode())
    finally:
        os._exit(status)


def stages(user: OrdinaryUser) -> list[Path]:
    """What shells of a user have on this machine; others may run the same tests."""
    found = [path for place in (MEMORY, DISK) for path in place.glob(f"{SCRATCH_PREFIX}shell-*")]
    return [path for path in found if path.exists() and path.stat().st_uid == user.uid]


def long_sleep() -> str:
    """A command that runs long, and nobody else runs."""
    return f"sleep 98765.{secrets.randbelow(10**9):09}"


def test_looks_around_and_leaves_nothing(
    ordinary_user: OrdinaryUser,
    environment: RealEnvironment,
    failed: Callable[[str], FailedBuild],
    nonce: str,
    tmp_path: Path,
) -> None:
    with person(DiskClient(environment), failed("tiny-fail"), ordinary_user.name) as someone:
        modes = termios.tcgetattr(someone.terminal)
        someone.expect(PROMPT)
        assert someone.ask("id -un; pwd; cat nonce") == [
            "sbuild",
            "/build/tiny-fail-XyZ/tiny-fail-1.0",
            nonce,
        ]
        assert someone.ask("echo $MARK; stty size; hostname") == [
            "as in the log",
            "33 101",
            "sbuild",
        ]
        assert someone.ask("cut -d: -s -f1 /proc/net/dev; cat /etc/resolv.conf") == ["lo"]
        # what fails in the build fails here, too
        assert f"this package cannot be built: {nonce}" in someone.ask("debian/rules build-arch")
        assert someone.ask(f"ls {tmp_path} >/dev/null 2>&1 && echo seen") == []
        assert len(stages(ordinary_user)) == 1
        sleep = long_sleep()
        someone.type(f"{sleep}\r")
        wait_for(lambda: processes_of(sleep))
        someone.type("\x03")
        someone.expect(PROMPT)
        someone.type(f"{sleep} & exit\r")
        assert someone.wait() == 0, someone.seen.decode()
        assert termios.tcgetattr(someone.terminal) == modes
    wait_for(lambda: not processes_of(sleep))
    assert stages(ordinary_user) == []


@dataclass(frozen=True)
class CachedClient(DiskClient):
    """A server from which nothing has to be downloaded."""

    @override
    def download_artifact(
        self, artifact_id: int, destination: Path, *, progress: Callable[[int], None] | None = None
    ) -> ArtifactResponse:
        message = "the image is on this machine"
        raise AssertionError(message)


def test_an_image_that_the_agent_keeps_is_not_downloaded(
    ordinary_user: OrdinaryUser,
    environment: RealEnvironment,
    failed: Callable[[str], FailedBuild],
) -> None:
    kept = ordinary_user.workplace / "images" / ("0" * 32)
    kept.mkdir(parents=True)
    image = kept / environment.path.name
    shutil.copyfile(environment.path, image)
    before = image.stat()
    client = CachedClient(environment)
    with person(client, failed("tiny-fail"), ordinary_user.name, kept.parent) as someone:
        someone.expect(PROMPT)
        someone.type("exit\r")
        assert someone.wait() == 0
    after = image.stat()
    assert (after.st_size, after.st_uid, after.st_mode) == (
        before.st_size,
        before.st_uid,
        before.st_mode,
    )
    assert stages(ordinary_user) == []


def test_what_cannot_be_installed_is_said(
    ordinary_user: OrdinaryUser, environment: RealEnvironment, failed: Callable[[str], FailedBuild]
) -> None:
    with person(DiskClient(environment), failed("tiny-unmet"), ordinary_user.name) as someone:
        # lines are folded, and coloured one by one
        shown = " ".join(plain(someone.expect(PROMPT)).split())
        assert "no-such-package-anywhere" in shown
        assert "the shell opens without them" in shown
        sleep = long_sleep()
        someone.type(f"{sleep} & \r")
        someone.expect(PROMPT)
        # as if the window was closed
        os.kill(someone.process, signal.SIGHUP)
        assert someone.wait() == 8, someone.seen.decode()
    wait_for(lambda: not processes_of(sleep))
    assert stages(ordinary_user) == []
