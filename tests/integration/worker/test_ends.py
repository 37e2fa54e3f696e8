# SPDX-License-Identifier: GPL-3.0-or-later
"""Aborted, told to stop, killed: nothing is left behind, no result is lost."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from debusine.domain.result import WorkRequestResults
from debusine.testing.agent import AgentProgram, begin_escape, end_escape, escaped
from debusine.testing.processes import is_alive
from debusine.testing.server_http import LiveServer
from debusine.testing.server_wire import Answer, Fault
from debusine.testing.waiting import wait_for

MakeAgent = Callable[[LiveServer], AgentProgram]


def no_reports_left(agent: AgentProgram) -> bool:
    """Whether every report is gone: an agent removes it once it has the server's answer."""
    return not any((agent.working / "reports").iterdir())


def gone(pids: list[int], scratch: Path) -> bool:
    return not any(is_alive(pid) for pid in pids) and not scratch.exists()


@pytest.mark.parametrize(
    "stage",
    [
        "fetch_input",
        "configure_for_execution",
        "prepare_to_run",
        "run",
        "check_directory_for_consistency_errors",
        "upload_artifacts",
        "cleanup",
    ],
)
def test_abort_ends_everything(agent: AgentProgram, report_path: Path, stage: str) -> None:
    number = begin_escape(agent, report_path, stage=stage)
    pids, scratch = escaped(report_path)
    assert all(is_alive(pid) for pid in pids)
    assert scratch.exists()
    agent.server.abort(number)
    wait_for(lambda: gone(pids, scratch) and not agent.leftovers())
    # the worker is free at once; nothing is reported
    assert agent.run("noop").result is WorkRequestResults.SUCCESS
    assert number not in agent.server.memory.reports
    assert agent.server.memory.refused_reports == []


def test_strays_of_a_finished_task_are_ended(agent: AgentProgram, report_path: Path) -> None:
    end_escape(report_path)
    number = begin_escape(agent, report_path)
    pids, scratch = escaped(report_path)
    wait_for(lambda: number in agent.server.memory.reports)
    assert not any(is_alive(pid) for pid in pids)
    wait_for(lambda: gone(pids, scratch) and not agent.leftovers())


def test_abort_of_something_else_changes_nothing(agent: AgentProgram, report_path: Path) -> None:
    other = agent.server.memory.add_work_request(queued=False)
    number = begin_escape(agent, report_path)
    wait_for(report_path.exists)
    agent.server.abort(other)
    agent.wait_for_heartbeats(2)
    end_escape(report_path)
    report = wait_for(lambda: agent.server.memory.reports.get(number))
    assert report.result is WorkRequestResults.SUCCESS


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_to_stop(
    mortal_agent: AgentProgram, report_path: Path, number: signal.Signals
) -> None:
    begin_escape(mortal_agent, report_path)
    pids, scratch = escaped(report_path)
    assert mortal_agent.stop(number) == 128 + number
    assert gone(pids, scratch)
    assert mortal_agent.leftovers() == []
    assert mortal_agent.server.memory.reports == {}


def test_told_to_stop_when_idle(mortal_agent: AgentProgram) -> None:
    assert mortal_agent.stop() == 143


@pytest.mark.parametrize("when", ["running", "idle"])
def test_killed_agent_leaves_nothing(
    mortal_agent: AgentProgram, report_path: Path, when: str
) -> None:
    assert mortal_agent.process is not None
    children = _children(mortal_agent.process.pid)
    assert len(children) == 1
    if when == "running":
        begin_escape(mortal_agent, report_path)
        pids, scratch = escaped(report_path)
    else:
        pids, scratch = [], report_path.with_name("none")
    children |= _all_below(mortal_agent.process.pid)
    assert mortal_agent.stop(signal.SIGKILL) == -signal.SIGKILL
    wait_for(lambda: gone(pids, scratch) and not mortal_agent.leftovers())
    wait_for(lambda: not any(is_alive(pid) for pid in children))


def test_started_again_after_being_killed(mortal_agent: AgentProgram, report_path: Path) -> None:
    number = begin_escape(mortal_agent, report_path)
    escaped(report_path)
    mortal_agent.stop(signal.SIGKILL)
    mortal_agent.server.memory.queue.append(number)
    mortal_agent.server.memory.work_requests[number]["task_name"] = "noop"
    mortal_agent.server.memory.work_requests[number]["task_data"] = {}
    mortal_agent.start()
    report = wait_for(lambda: mortal_agent.server.memory.reports.get(number))
    assert report.result is WorkRequestResults.SUCCESS
    assert mortal_agent.server.hellos[-1]["running"] == []


def test_killed_supervisor(agent: AgentProgram, report_path: Path) -> None:
    assert agent.process is not None
    number = begin_escape(agent, report_path)
    pids, scratch = escaped(report_path)
    os.kill(_parent(pids[0]), signal.SIGKILL)
    report = wait_for(lambda: agent.server.memory.reports.get(number))
    assert report.result is WorkRequestResults.ERROR
    wait_for(lambda: gone(pids, scratch) and not agent.leftovers())
    assert agent.run("noop").result is WorkRequestResults.SUCCESS


def test_supervisor_has_one_task_after_the_other(agent: AgentProgram, report_path: Path) -> None:
    supervisors = []
    for report in (report_path, report_path.with_name("second")):
        number = begin_escape(agent, report)
        pids, scratch = escaped(report)
        supervisors.append(_parent(pids[0]))
        end_escape(report)
        wait_for(lambda: agent.server.memory.reports.get(number))  # noqa: B023  called at once
        wait_for(lambda: gone(pids, scratch) and not agent.leftovers())  # noqa: B023  the same
    assert supervisors[0] == supervisors[1]


def test_killed_supervisor_and_agent(mortal_agent: AgentProgram, report_path: Path) -> None:
    begin_escape(mortal_agent, report_path)
    pids, _ = escaped(report_path)
    assert mortal_agent.process is not None
    mortal_agent.process.send_signal(signal.SIGSTOP)
    os.kill(_parent(pids[0]), signal.SIGKILL)
    mortal_agent.stop(signal.SIGKILL)
    wait_for(lambda: not any(is_alive(pid) for pid in pids))
    # directories go when the agent starts again
    mortal_agent.start()
    assert mortal_agent.leftovers() == []


def test_killed_nursery(mortal_agent: AgentProgram, report_path: Path) -> None:
    assert mortal_agent.process is not None
    number = begin_escape(mortal_agent, report_path)
    escaped(report_path)
    [nursery] = _children(mortal_agent.process.pid)
    os.kill(nursery, signal.SIGKILL)
    end_escape(report_path)
    # the running task does not notice, the next one gets a new nursery
    report = wait_for(lambda: mortal_agent.server.memory.reports.get(number))
    assert report.result is WorkRequestResults.SUCCESS
    assert mortal_agent.run("noop").result is WorkRequestResults.SUCCESS


def test_result_waits_for_the_server(agent: AgentProgram) -> None:
    faults = [
        Fault(path="completed", what=Answer(status=500), times=2),
        Fault(path="completed", what=ConnectionResetError("reset"), times=2),
    ]
    agent.server.memory.faults += faults
    assert agent.run("noop").result is WorkRequestResults.SUCCESS
    assert [fault.times for fault in faults] == [0, 0]
    assert agent.run("noop").result is WorkRequestResults.SUCCESS


def test_result_survives_a_killed_agent(mortal_agent: AgentProgram) -> None:
    fault = Fault(path="completed", what=Answer(status=503), times=10**6)
    mortal_agent.server.memory.faults.append(fault)
    number = mortal_agent.begin("noop")
    wait_for(lambda: fault.times < 10**6 and any((mortal_agent.working / "reports").glob("*.json")))
    mortal_agent.stop(signal.SIGKILL)
    wait_for(lambda: not mortal_agent.leftovers())
    fault.times = 0
    hellos = len(mortal_agent.server.hellos)
    mortal_agent.start()
    report = wait_for(lambda: mortal_agent.server.memory.reports.get(number))
    assert report.result is WorkRequestResults.SUCCESS
    # the report does not wait for the socket
    wait_for(lambda: len(mortal_agent.server.hellos) == hellos + 1)
    wait_for(lambda: no_reports_left(mortal_agent))


def test_refused_result_is_dropped(agent: AgentProgram, report_path: Path) -> None:
    number = begin_escape(agent, report_path)
    wait_for(report_path.exists)
    # a server that tells nobody about aborts, as that of 0.16
    agent.server.memory.work_requests[number]["status"] = "aborted"
    end_escape(report_path)
    wait_for(lambda: agent.server.memory.refused_reports == [number])
    assert agent.run("noop").result is WorkRequestResults.SUCCESS
    wait_for(lambda: no_reports_left(agent))


@pytest.mark.parametrize("status", [423, 500])
def test_server_that_is_busy_is_asked_again(agent: AgentProgram, status: int) -> None:
    agent.server.memory.faults.append(Fault(path="get-next", what=Answer(status=status), times=3))
    assert agent.run("noop").result is WorkRequestResults.SUCCESS


def test_rejected_until_enabled(server: LiveServer, make_agent: MakeAgent) -> None:
    server.accept_tokens = False
    agent = make_agent(server)
    agent.start()
    server.memory.add_work_request()
    wait_for(lambda: server.connections > 3)
    assert server.memory.reports == {}
    server.accept_tokens = True
    wait_for(lambda: server.memory.reports)


def test_heartbeats_name_what_runs(agent: AgentProgram, report_path: Path) -> None:
    number = begin_escape(agent, report_path)
    wait_for(lambda: [number] in agent.server.heartbeats)
    end_escape(report_path)
    wait_for(lambda: agent.server.heartbeats[-1] == [])


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def _children(pid: int) -> set[int]:
    """Nursery and other children of a process."""
    found = set()
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if _parent(int(path.name)) == pid:
                found.add(int(path.name))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def _all_below(pid: int) -> set[int]:
    found = _children(pid)
    for child in list(found):
        found |= _all_below(child)
    return found
