# SPDX-License-Identifier: GPL-3.0-or-later
"""An agent with several slots: tasks run beside each other and do not get in each other's way."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from debusine.domain.result import WorkRequestResults
from debusine.testing.agent import AgentProgram, escaped
from debusine.testing.processes import is_alive
from debusine.testing.server_http import LiveServer
from debusine.testing.tasks import print_lines
from debusine.testing.waiting import wait_for

MakeAgent = Callable[[LiveServer], AgentProgram]


@pytest.fixture
def three(server: LiveServer, make_agent: MakeAgent) -> AgentProgram:
    made = make_agent(server)
    made.start(general="slots = 3\nmemory = 3 GiB\ndisk = 30G\ncpus = 6")
    return made


def begin(agent: AgentProgram, path: Path, name: str) -> tuple[int, Path]:
    report = path.with_name(name)
    return agent.begin("testhold", task_data={"path": str(report)}), report


def end(report: Path) -> None:
    report.with_suffix(".end").touch()


def gone(report: Path) -> bool:
    pids, scratch = escaped(report)
    return not any(is_alive(pid) for pid in pids) and not scratch.exists()


def test_three_at_once_and_one_is_aborted(three: AgentProgram, report_path: Path) -> None:
    server = three.server
    wait_for(lambda: server.hellos)
    assert {name: server.hellos[0][name] for name in ("slots", "memory_mib", "cpu_count")} == {
        "slots": 3, "memory_mib": 3072, "cpu_count": 6,
    }  # fmt: skip
    tasks = dict(begin(three, report_path, name) for name in "abc")
    scratches = {escaped(report)[1] for report in tasks.values()}
    assert len(scratches) == len(three.leftovers()) / 2 == 3
    wait_for(lambda: sorted(tasks) in server.heartbeats)
    # no slot is free: it is not even asked for
    fourth = server.memory.add_work_request()
    server.announce_work()
    # by two heartbeats later it has seen that
    beats = len(server.heartbeats)
    wait_for(lambda: len(server.heartbeats) > beats + 1)
    assert server.memory.queue == [fourth]
    first, second, third = tasks
    server.abort(second)
    wait_for(lambda: gone(tasks[second]))
    # its slot is free at once, and the others go on
    wait_for(lambda: fourth in server.memory.reports)
    assert not gone(tasks[first])
    assert not gone(tasks[third])
    for number in (first, third):
        end(tasks[number])
        report = wait_for(lambda: server.memory.reports.get(number))  # noqa: B023  at once
        assert report.result is WorkRequestResults.SUCCESS
    assert second not in server.memory.reports
    wait_for(lambda: not three.leftovers())


def test_it_says_what_it_runs_when_it_asks_and_when_it_connects(
    three: AgentProgram, report_path: Path
) -> None:
    server = three.server
    first, report = begin(three, report_path, "a")
    escaped(report)
    second = server.memory.add_work_request()
    server.announce_work()
    wait_for(lambda: second in server.memory.reports)
    asked = [one for one in server.memory.requests if "get-next" in one.path]
    assert f'{{"running": [{first}]}}'.encode() in [one.body for one in asked]
    # until nothing of the second is left
    beats = len(server.heartbeats)
    wait_for(lambda: [first] in server.heartbeats[beats:])
    server.drop_connections()
    wait_for(lambda: len(server.hellos) > 1 and server.hellos[-1]["running"] == [first])
    end(report)
    wait_for(lambda: first in server.memory.reports)


def test_logs_do_not_mix(three: AgentProgram) -> None:
    sizes = {
        three.begin("testprint", task_data={"size": size}): size for size in (3000, 200_000, 50)
    }
    wait_for(lambda: set(sizes) <= set(three.server.memory.reports))
    for number, size in sizes.items():
        text = three.log_of(number)
        assert print_lines(size) in text
        assert len(text) < size + 1000
    assert three.server.violations == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_all_end_with_the_agent(
    three: AgentProgram, report_path: Path, number: signal.Signals
) -> None:
    reports = [begin(three, report_path, name)[1] for name in "ab"]
    for report in reports:
        escaped(report)
    three.stop(number)
    for report in reports:
        wait_for(lambda: gone(report))  # noqa: B023  called at once
    wait_for(lambda: not three.leftovers())
    assert three.server.memory.reports == {}


def test_builds_use_the_processors_that_are_kept_for_them(three: AgentProgram) -> None:
    reservation = {"memory_mib": 512, "disk_mib": 1024, "cpu_count": 2}
    number = three.begin("testlook", reservation=reservation)
    wait_for(lambda: number in three.server.memory.reports)
    assert b"\nDEB_BUILD_OPTIONS=parallel=2\n" in b"\n" + three.log_of(number)
