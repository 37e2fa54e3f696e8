# SPDX-License-Identifier: GPL-3.0-or-later
"""Live logs: complete, in order, and never faster than they can be taken."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from debusine.client.debusine import Debusine
from debusine.domain.result import WorkRequestResults
from debusine.testing.agent import AgentProgram, begin_escape, end_escape
from debusine.testing.server_http import LiveServer
from debusine.testing.tasks import print_lines
from debusine.testing.waiting import wait_for


def test_resumes_where_the_connection_broke(agent: AgentProgram) -> None:
    agent.server.drop_after_bytes = [100_000, 1_000_000, 1_000_100, 2_500_000]
    report = agent.run("testprint", task_data={"size": 3_000_000})
    assert report.result is WorkRequestResults.SUCCESS
    assert print_lines(3_000_000) in agent.log_of(agent.last)
    assert agent.log_of(agent.last).count(b"Running\n") == 1
    assert agent.server.connections >= 4
    assert [agent.last] in [hello["running"] for hello in agent.server.hellos]


def test_server_that_goes_away_and_comes_back(agent: AgentProgram, report_path: Path) -> None:
    number = begin_escape(agent, report_path)
    wait_for(report_path.exists)
    failures = agent.log.count("not-connected")
    with agent.server.down():
        end_escape(report_path)
        wait_for(lambda: agent.log.count("not-connected") > failures + 3)
    report = wait_for(lambda: agent.server.memory.reports.get(number))
    assert report.result is WorkRequestResults.SUCCESS
    assert b"Running\n" in agent.log_of(number)


def test_fast_log_waits_for_the_server(agent: AgentProgram, report_path: Path) -> None:
    agent.server.hold_acknowledgements = True
    number = agent.begin("testspam", task_data={"path": str(report_path)})

    def sent() -> int:
        return int(report_path.read_text() or 0) if report_path.exists() else 0

    def stands_still() -> bool:
        before = sent()
        agent.wait_for_heartbeats(3)
        return sent() == before

    # the cap of the agent under test is 4 MiB; some more lies in buffers
    wait_for(lambda: sent() >= 4 * 1024 * 1024)
    wait_for(stands_still)
    stopped_at = sent()
    assert stopped_at < 6 * 1024 * 1024
    spooled = sum(path.stat().st_size for path in agent.working.glob("WR-*/spool/*"))
    assert spooled < 6 * 1024 * 1024
    agent.server.acknowledge_all()
    wait_for(lambda: sent() > stopped_at)
    agent.server.hold_acknowledgements = True
    wait_for(stands_still)
    # an abort does not wait for the server to take the log, which it never will
    agent.server.abort(number)
    wait_for(lambda: not agent.leftovers())
    assert "log-incomplete" not in agent.log
    agent.server.hold_acknowledgements = False


def test_server_of_old(make_agent: Callable[[LiveServer], AgentProgram]) -> None:
    with LiveServer(offsets=False) as server:
        agent = make_agent(server)
        agent.start()
        size = 300_000
        report = agent.run("testprint", task_data={"size": size})
        assert report.result is WorkRequestResults.SUCCESS
        # log and result come by different ways
        wait_for(lambda: server.exit_codes == {1: -1})
        text = "".join(server.texts[1])
        assert print_lines(size).decode(errors="replace") in text
        assert text.endswith("Cleaning up\nTo run this again: debusine reproduce 1\n")
        # and logs go on with the next task
        agent.run("noop")
        wait_for(lambda: "Cleaning up" in "".join(server.texts[2]))
        assert server.violations == []
        assert server.connections == 1
        agent.stop()


def test_follow_over_a_breaking_connection(server: LiveServer) -> None:
    number = server.memory.add_work_request(queued=False, status="running")
    content = print_lines(50_000)
    server.logs[number] = bytearray(content[:20_000])
    client = Debusine(server.url, "token")
    seen = bytearray()
    offsets = []
    for chunk in client.log_follow(number):
        offsets.append(chunk.offset)
        seen += chunk.data
        if len(offsets) == 10:
            server.drop_connections()
        if len(offsets) == 20:
            server.logs[number] += content[20_000:]
            server.memory.work_requests[number]["status"] = "completed"
    assert bytes(seen).decode() == content.decode(errors="replace")
    assert offsets == list(range(0, 50_000, 1000))


def test_follow_from_an_offset(server: LiveServer) -> None:
    number = server.memory.add_work_request(queued=False, status="completed")
    server.logs[number] = bytearray(b"0123456789")
    client = Debusine(server.url, "token")
    assert b"".join(chunk.data for chunk in client.log_follow(number, offset=4)) == b"456789"
