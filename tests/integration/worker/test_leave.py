# SPDX-License-Identifier: GPL-3.0-or-later
"""Drained, told to leave, stopped: what runs is finished or given back."""

from __future__ import annotations

import signal
from pathlib import Path

from debusine.domain.result import WorkRequestResults
from debusine.testing.agent import AgentProgram, begin_escape, end_escape, escaped
from debusine.testing.waiting import wait_for


def asked(agent: AgentProgram) -> int:
    path = "get-next-for-worker"
    return sum(path in request.path for request in agent.server.memory.requests)


def test_a_drained_agent_finishes_and_asks_for_nothing(
    mortal_agent: AgentProgram, report_path: Path
) -> None:
    memory = mortal_agent.server.memory
    number = begin_escape(mortal_agent, report_path)
    escaped(report_path)
    mortal_agent.server.drain("new disk")
    wait_for(lambda: "new disk" in mortal_agent.log)
    before = asked(mortal_agent)
    end_escape(report_path)
    wait_for(lambda: number in memory.reports)
    waiting = mortal_agent.begin("noop")
    mortal_agent.wait_for_heartbeats(3)
    assert asked(mortal_agent) == before
    mortal_agent.server.enable()
    wait_for(lambda: waiting in memory.reports)


def test_told_to_leave_it_finishes_first(mortal_agent: AgentProgram, report_path: Path) -> None:
    memory = mortal_agent.server.memory
    number = begin_escape(mortal_agent, report_path)
    escaped(report_path)
    process = mortal_agent.process
    assert process is not None
    process.send_signal(signal.SIGUSR1)
    wait_for(lambda: "leaving" in mortal_agent.log)
    waiting = mortal_agent.begin("noop")
    # that it is enabled meanwhile changes nothing
    mortal_agent.server.enable()
    mortal_agent.wait_for_heartbeats(3)
    assert process.poll() is None
    end_escape(report_path)
    assert process.wait(60) == 0
    mortal_agent.process = None
    assert memory.reports[number].result is WorkRequestResults.SUCCESS
    assert waiting not in memory.reports
    assert memory.handed_back == []
    assert mortal_agent.leftovers() == []


def test_told_to_leave_when_idle(mortal_agent: AgentProgram) -> None:
    assert mortal_agent.stop(signal.SIGUSR1) == 0


def test_told_to_leave_while_drained(mortal_agent: AgentProgram) -> None:
    mortal_agent.server.drain("")
    wait_for(lambda: "drained" in mortal_agent.log)
    mortal_agent.begin("noop")
    assert mortal_agent.stop(signal.SIGUSR1) == 0
    assert mortal_agent.server.memory.reports == {}


def test_stopped_it_hands_back_what_it_runs(mortal_agent: AgentProgram, report_path: Path) -> None:
    number = begin_escape(mortal_agent, report_path)
    escaped(report_path)
    assert mortal_agent.stop(signal.SIGTERM) == 143
    memory = mortal_agent.server.memory
    assert memory.handed_back == [number]
    assert memory.reports == {}
    assert mortal_agent.leftovers() == []


def test_what_was_aborted_is_not_handed_back(mortal_agent: AgentProgram, report_path: Path) -> None:
    number = begin_escape(mortal_agent, report_path)
    escaped(report_path)
    mortal_agent.server.abort(number)
    wait_for(lambda: not mortal_agent.leftovers())
    assert mortal_agent.stop() == 143
    assert mortal_agent.server.memory.handed_back == []


def test_a_server_that_is_away_delays_no_stop(
    mortal_agent: AgentProgram, report_path: Path
) -> None:
    begin_escape(mortal_agent, report_path)
    escaped(report_path)
    with mortal_agent.server.down():
        assert mortal_agent.stop() == 143
    assert mortal_agent.leftovers() == []
