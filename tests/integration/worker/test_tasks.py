# SPDX-License-Identifier: GPL-3.0-or-later
"""What tasks see, and what is reported of them."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from debusine.domain.result import WorkRequestResults
from debusine.testing.agent import AgentProgram
from debusine.testing.server_http import LiveServer
from debusine.testing.server_wire import Answer, Fault
from debusine.testing.waiting import wait_for
from debusine.wire.work_request import OutputData, OutputError, WorkRequestCompleted


def error_of(report: WorkRequestCompleted) -> OutputError:
    assert report.result is WorkRequestResults.ERROR
    assert report.output_data is not None
    assert report.output_data.errors is not None
    [error] = report.output_data.errors
    return error


def test_success_and_failure(agent: AgentProgram) -> None:
    assert agent.run("noop").result is WorkRequestResults.SUCCESS
    report = agent.run("noop", task_data={"result": "failure"})
    assert report.result is WorkRequestResults.FAILURE
    assert isinstance(report.output_data, OutputData)
    assert report.output_data.runtime_statistics is not None
    # one that fails uploads its log files
    [artifact] = [
        artifact
        for artifact in agent.server.memory.artifacts.records.values()
        if artifact["work_request"] == agent.last
    ]
    assert artifact["category"] == "debusine:work-request-debug-logs"
    assert agent.log_of(agent.last).decode().splitlines()[:2] == [
        "Fetching input",
        "Configuring for execution",
    ]
    # it comes by another way than the result
    wait_for(lambda: agent.server.exit_codes.get(agent.last) == -1)


def test_queue_is_worked_off_one_by_one(agent: AgentProgram) -> None:
    numbers = [agent.server.memory.add_work_request() for _ in range(5)]
    agent.server.announce_work()
    wait_for(lambda: numbers[-1] in agent.server.memory.reports)
    assert list(agent.server.memory.reports)[-5:] == numbers


@pytest.mark.parametrize(
    ("fields", "code", "text"),
    [
        ({"task_name": "nosuch"}, "setup-failed", "'nosuch' is not a known Worker task name"),
        ({"task_name": "noop", "task_data": {"nosuch": 1}}, "configure-failed", "nosuch"),
        ({"task_name": "noop", "dynamic_task_data": {"a": 1}}, "configure-failed", "a"),
        ({"task_name": "noop", "task_type": "Signing"}, "wrong-task-type", "Signing"),
        ({"task_name": "testcrash"}, "execute-failed", "signal 9 (Killed)"),
    ],
)
def test_errors(agent: AgentProgram, fields: dict[str, object], code: str, text: str) -> None:
    error = error_of(agent.run(**fields))
    assert error.code == code
    assert text in error.message
    # the agent is none the worse for it
    assert agent.run("noop").result is WorkRequestResults.SUCCESS


def test_last_words_of_a_crash_are_reported(agent: AgentProgram) -> None:
    assert error_of(agent.run("testcrash")).message.endswith("about to crash")


def test_nothing_of_the_agent_leaks_in(agent: AgentProgram) -> None:
    agent.run("testlook")
    lines = agent.log_of(agent.last).decode().splitlines()
    variables = dict(line.split("=", 1) for line in lines if "=" in line)
    facts = dict(line.split(":", 1) for line in lines if ":" in line and "=" not in line)
    assert sorted(variables) == ["FOO", "HOME", "LANG", "PATH", "TMPDIR", "USER"]
    assert variables["FOO"] == "bar"
    assert variables["PATH"] == "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    assert variables["LANG"] == "C.UTF-8"
    assert variables["HOME"].startswith(f"{agent.working}/WR-{agent.last}-")
    assert variables["TMPDIR"] == facts["scratch"] + "/tmp"
    assert facts["scratch"].startswith(f"{agent.scratch}/debusine-WR-{agent.last}-")
    assert facts["cwd"].startswith(f"{agent.working}/WR-{agent.last}-")
    assert facts["stdin"] == facts["session"] == facts["home-writable"] == "True"
    assert "0" not in facts["uid"].split()
    expected = "debusine-worker" if os.geteuid() == 0 else variables["USER"]
    assert variables["USER"] == expected


def test_metadata(agent: AgentProgram) -> None:
    metadata = wait_for(lambda: agent.server.memory.metadata)
    assert metadata["system:worker_type"] == "external"
    assert metadata["system:cpu_count"] == len(os.sched_getaffinity(0))
    assert metadata["system:native_architecture"] in metadata["system:architectures"]
    assert metadata["noop:version"] == 1
    native = metadata["system:native_architecture"]
    assert {
        "worker:type:external",
        f"worker:build-arch:{native}",
        "worker:task:worker:noop:version:1",
    } <= set(metadata["provided_tags"])
    assert metadata["provided_tags"] == sorted(metadata["provided_tags"])


def test_metadata_is_sent_again_until_the_server_has_it(
    server: LiveServer, make_agent: Callable[[LiveServer], AgentProgram]
) -> None:
    busy = Answer(status=503)
    server.memory.faults.append(Fault(path="/worker/dynamic-metadata/", what=busy, times=2))
    make_agent(server).start()
    metadata = wait_for(lambda: server.memory.metadata)
    assert metadata["system:worker_type"] == "external"
