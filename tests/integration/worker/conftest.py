# SPDX-License-Identifier: GPL-3.0-or-later
"""A server on loopback and an agent as a program of its own."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from debusine.testing.agent import AgentProgram
from debusine.testing.server_http import LiveServer
from debusine.testing.waiting import wait_for
from debusine.util.userns import remove_tree


@contextlib.contextmanager
def reachable_directory() -> Iterator[Path]:
    # not tmp_path: others must be able to pass through every parent
    path = Path(tempfile.mkdtemp(prefix="debusine-test-agent-", dir="/var/tmp"))
    path.chmod(0o711)
    yield path
    remove_tree(path)


@pytest.fixture
def server() -> Iterator[LiveServer]:
    with LiveServer() as live:
        yield live


@pytest.fixture
def base() -> Iterator[Path]:
    with reachable_directory() as path:
        yield path


@pytest.fixture
def make_agent(base: Path) -> Iterator[Callable[[LiveServer], AgentProgram]]:
    made: list[AgentProgram] = []

    def make(server: LiveServer) -> AgentProgram:
        made.append(AgentProgram(server, base))
        return made[-1]

    yield make
    for agent in made:
        if agent.process is not None:
            agent.stop()
        with contextlib.suppress(TimeoutError):
            wait_for(lambda: not agent.leftovers())  # noqa: B023  called at once


@pytest.fixture
def mortal_agent(
    server: LiveServer, make_agent: Callable[[LiveServer], AgentProgram]
) -> AgentProgram:
    """An agent that a test may stop or kill."""
    made = make_agent(server)
    made.start()
    return made


@pytest.fixture(scope="module")
def long_lived_agent() -> Iterator[AgentProgram]:
    with LiveServer() as live, reachable_directory() as path:
        made = AgentProgram(live, path)
        made.start()
        yield made
        assert made.stop() == 143


@pytest.fixture
def agent(long_lived_agent: AgentProgram) -> Iterator[AgentProgram]:
    """An agent that tests share; it must be as idle after a test as it was before."""
    assert long_lived_agent.leftovers() == []
    yield long_lived_agent
    server = long_lived_agent.server
    wait_for(lambda: not long_lived_agent.leftovers())
    assert server.violations == []
    assert [fault for fault in server.memory.faults if fault.times] == []
    server.memory.faults.clear()
    server.drop_after_bytes.clear()
    server.memory.refused_reports.clear()


@pytest.fixture
def report_path(base: Path) -> Path:
    """Where a task, whoever it runs as, can write."""
    directory = base / "reports"
    directory.mkdir()
    directory.chmod(0o777)
    return directory / "report"
