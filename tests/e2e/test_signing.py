# SPDX-License-Identifier: GPL-3.0-or-later
"""Server, agent and signing worker, each a program of its own."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from tests.e2e.conftest import RunningServer, start_server

from debusine.client.local_server import SIGNING_USER
from debusine.domain.result import WorkRequestResults
from debusine.testing.waiting import wait_for
from debusine.util.userns import remove_tree

SIGNING_WORKER = "debusine.signing.main"
# what an administrator's command does; nobody else may ask for these
ASK = """
import sys, django
django.setup(set_prefix=False)
from debusine.db.models import User, Workspace
from debusine.domain.work_request import TaskTypes
from debusine.server.actions.create_work_request import create_work_request
from debusine.server.actor import Actor
from debusine.util.clock import SystemClock
print(create_work_request(
    Actor(user=User.objects.get(username="admin")),
    workspace=Workspace.objects.select_related("scope").get(),
    task_name="noop", data={}, now=SystemClock().now(), task_type=TaskTypes.SIGNING,
).pk)
"""


def ask_for_signing(server: RunningServer) -> int:
    """Create a request of type Signing in another process; its id."""
    environment = {
        **os.environ,
        "DEBUSINE_DATA_DIR": str(server.data_dir.root),
        "DJANGO_SETTINGS_MODULE": "debusine.site.settings",
    }
    said = subprocess.check_output([sys.executable, "-c", ASK], env=environment)
    return int(said.splitlines()[-1])


def signing_workers(server: RunningServer) -> list[psutil.Process]:
    found = []
    for process in server.descendants():
        line = process.cmdline()
        if SIGNING_WORKER in line and process.ppid() == server.process.pid:
            found.append(process)
    return found


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="debusine-e2e-signing-"))
    yield path / "data"
    remove_tree(path)


@pytest.fixture(scope="module")
def waited(place: Path) -> int:
    """A request of type Signing that a server without a signing worker was asked for."""
    with start_server(place) as running:
        assert signing_workers(running) == []
        number = ask_for_signing(running)
        # the agent is idle, and asks for work again and again
        assert running.run_task("noop").result is WorkRequestResults.SUCCESS
        assert running.client().work_request_get(number).status == "pending"
        return number


@pytest.fixture(scope="module")
def server(place: Path, waited: int) -> Iterator[RunningServer]:
    with start_server(place, "--signing") as running:
        yield running


def test_a_signing_request_waits_for_a_signing_worker(server: RunningServer, waited: int) -> None:
    assert server.wait_for(waited).result is WorkRequestResults.SUCCESS, server.log_tail()


def test_each_worker_gets_what_is_for_it(server: RunningServer) -> None:
    numbers = [ask_for_signing(server) for _ in range(2)]
    done = [server.run_task("noop"), *(server.wait_for(number) for number in numbers)]
    assert [request.result for request in done] == [WorkRequestResults.SUCCESS] * 3
    client = server.client()
    by = {
        request.id: [attempt.worker for attempt in client.work_request_attempts(request.id)]
        for request in done
    }
    assert list(by.values()) == [["local"], ["local-signing"], ["local-signing"]]


def test_a_signing_worker_that_was_killed_is_started_again(server: RunningServer) -> None:
    [worker] = wait_for(lambda: signing_workers(server))
    worker.kill()
    number = ask_for_signing(server)
    assert server.wait_for(number).result is WorkRequestResults.SUCCESS, server.log_tail()


def test_keys_are_apart_from_the_server(server: RunningServer) -> None:
    server.wait_for(ask_for_signing(server))
    directory = server.data_dir.signing
    if os.geteuid() == 0:
        data = Path("/var/lib", SIGNING_USER)
        assert data.owner() == SIGNING_USER
    else:
        data = directory / "data"
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    assert stat.S_IMODE((directory / "token").stat().st_mode) == 0o600
    [worker] = signing_workers(server)
    family = [worker, *worker.children(recursive=True)]
    opened = {file.path for process in family for file in process.open_files()}
    assert not [path for path in opened if path.startswith(str(server.data_dir.root / "debusine"))]
    assert (directory / "token").read_text().strip() not in server.data_dir.log.read_text()
