# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole servers with their workers, on loopback, in data directories of their own."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import psutil
import pytest

from debusine.cli.building.repositories import bootstrap_repositories, choose_sources
from debusine.client.config import read_client_config
from debusine.client.debusine import Debusine
from debusine.client.local_server import DataDir, Holder, parse_holder
from debusine.domain.result import WorkRequestResults
from debusine.testing.fresh_machine import FreshMachine, fresh_machine
from debusine.testing.waiting import wait_for
from debusine.util.apt_config import read_machine
from debusine.util.command import Command, run
from debusine.util.userns import remove_tree
from debusine.wire.environment import EnvironmentWanted
from debusine.wire.work_request import WorkRequest, WorkRequestCreate

READY_TIMEOUT_S = 60
# fixtures that take long; some tests use both
EXPENSIVE = {"built_environment", "peer_machine"}
PEER_SUITE = "sid"
PEER_VERSION = "0.16.2"
# what the worker needs for builds beside itself: sbuild unpacks the environment with xz
PEER_PACKAGES = [
    "debusine-client", "debusine-worker", "sbuild", "uidmap", "mmdebstrap", "xz-utils",
]  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class RunningServer:
    """A server that answers; ``ready_s`` is from its start until it did."""

    process: subprocess.Popen[bytes]
    data_dir: DataDir
    holder: Holder
    ready_s: float

    def client(self) -> Debusine:
        """The API as the administrator sees it."""
        return read_client_config(self.data_dir.client_config).select().connect()

    def run_task(
        self, task_name: str, task_data: dict[str, Any] | None = None, *, timeout_s: float = 60
    ) -> WorkRequest:
        """Ask for a task and wait until it is over."""
        wanted = WorkRequestCreate(task_name=task_name, task_data=task_data or {})
        return self.wait_for(self.client().work_request_create(wanted).id, timeout_s=timeout_s)

    def wait_for(self, work_request_id: int, *, timeout_s: float = 60) -> WorkRequest:
        """Wait until a work request has reached a final state."""
        client = self.client()

        def final() -> WorkRequest | None:
            request = client.work_request_get(work_request_id)
            return request if request.status.is_final else None

        return wait_for(final, timeout_s=timeout_s, instead=self.log_tail)

    def descendants(self) -> list[psutil.Process]:
        """What the server started, and what those started."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def log_tail(self) -> str:
        return self.data_dir.log.read_text(errors="replace")[-4000:]

    def stop(self, with_signal: signal.Signals = signal.SIGTERM) -> int:
        """Stop the server; returns its exit status."""
        self.process.send_signal(with_signal)
        return self.process.wait(30)


StartServer = Callable[..., AbstractContextManager[RunningServer]]


def _read_line(descriptor: int) -> str:
    """Read a line, or what has come when the other end closes or time is over."""
    deadline = time.monotonic() + READY_TIMEOUT_S
    data = b""
    while not data.endswith(b"\n"):
        remaining = max(0.0, deadline - time.monotonic())
        if not select.select([descriptor], [], [], remaining)[0]:
            break
        piece = os.read(descriptor, 4096)
        if not piece:
            break
        data += piece
    return data.decode()


def call(*argv: str | Path, **environment: str) -> tuple[int, str]:
    """Exit status of a program, and what it printed."""
    done = run(
        Command(list(map(str, argv)), env={**os.environ, **environment}, timeout_s=120, check=False)
    )
    return done.returncode, (done.stdout + done.stderr).decode()


def admin(data_dir: Path, *arguments: str, **environment: str) -> tuple[int, str]:
    """The same of ``debusine-admin``, for the server of a data directory."""
    program = Path(sys.executable).with_name("debusine-admin")
    return call(program, "--data-dir", data_dir, *arguments, **environment)


@pytest.fixture(scope="session", autouse=True)
def _soon() -> Iterator[None]:
    """No server that a test starts waits long before it tries something again."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DEBUSINE_RETRY_DELAY", "PT1S")
        yield


@contextlib.contextmanager
def start_server(data_dir: Path, *options: str) -> Iterator[RunningServer]:
    """Run ``python -m debusine.standalone`` for a while."""
    layout = DataDir(data_dir)
    read_end, write_end = os.pipe()
    began = time.monotonic()
    process = subprocess.Popen(
        [
            sys.executable, "-m", "debusine.standalone", "--data-dir", str(data_dir),
            "--listen", "127.0.0.1:0", "--ready-fd", str(write_end), *options,
        ],
        pass_fds=[write_end],
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(write_end)
    try:
        holder = parse_holder(_read_line(read_end))
        log = layout.log.read_text() if layout.log.exists() else ""
        assert holder is not None, f"the server did not start:\n{log[-4000:]}"
        yield RunningServer(
            process=process,
            data_dir=layout,
            holder=holder,
            ready_s=time.monotonic() - began,
        )
    finally:
        os.close(read_end)
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@pytest.fixture(name="start_server")
def start_server_fixture() -> StartServer:
    """Start servers on directories of the test's choice."""
    return start_server


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """
    A data directory that users with other ids can reach, for the duration of a test.

    Not below ``tmp_path``: pytest keeps others out of that.
    """
    parent = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    path = Path(tempfile.mkdtemp(prefix="debusine-e2e-", dir=parent))
    yield path / "data"
    remove_tree(path)


@pytest.fixture(scope="session")
def server() -> Iterator[RunningServer]:
    """One server with one worker for all tests that do not stop it."""
    path = Path(tempfile.mkdtemp(prefix="debusine-e2e-"))
    worker = path / "data/worker"
    worker.mkdir(parents=True)
    # what it keeps, tests ask for
    (worker / "config.ini").write_text("[General]\nholds = 2\n")
    with start_server(path / "data") as running:
        yield running
    remove_tree(path)


@pytest.fixture(scope="session")
def built_environment(server: RunningServer) -> RunningServer:
    """The server of all tests, once it has an environment of trixie to build in."""
    machine = read_machine()
    wanted = EnvironmentWanted(
        codename="trixie",
        architecture=machine.architecture,
        bootstrap_repositories=bootstrap_repositories(choose_sources("trixie", machine)),
    )
    answer = server.client().environment_ensure("System", wanted)
    if answer.work_request is not None:
        made = server.wait_for(answer.work_request, timeout_s=600)
        assert made.result is WorkRequestResults.SUCCESS, server.log_tail()
    return server


@pytest.fixture(scope="session")
def make_sources() -> ModuleType:
    path = Path(__file__).parents[1] / "data/make_sources.py"
    spec = importlib.util.spec_from_file_location("make_sources", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["make_sources"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def peer_machine() -> Iterator[FreshMachine]:
    """A machine with the client and the worker that Debian packages; none of them runs."""
    if os.geteuid() != 0:
        pytest.fail("only root can make a machine: run this with sudo, or with -m 'not root'")
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    path = Path(tempfile.mkdtemp(prefix="debusine-peer-", dir=memory))
    with fresh_machine(path, suite=PEER_SUITE, packages=PEER_PACKAGES) as running:
        yield running
    remove_tree(path)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests here belong to the tier of real things; what is expensive is made by one process."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.real)
            if isinstance(item, pytest.Function) and not EXPENSIVE.isdisjoint(item.fixturenames):
                item.add_marker(pytest.mark.xdist_group("expensive"))
