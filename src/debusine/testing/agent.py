# SPDX-License-Identifier: GPL-3.0-or-later
"""An agent as a program of its own, and looks at what it leaves behind."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from debusine.testing.server_http import LiveServer
from debusine.testing.waiting import PATIENCE_S, wait_for
from debusine.wire.work_request import WorkRequestCompleted


class AgentProgram:
    """
    An agent under test, less patient than usual, with the tasks of :mod:`debusine.testing.tasks`.

    :param base: a directory that every user can reach
    """

    def __init__(self, server: LiveServer, base: Path) -> None:
        self.server = server
        self.base = base
        self.working = base / "work"
        self.config = base / "config"
        self.scratch = base / "scratch"
        self.config.mkdir()
        self.process: subprocess.Popen[bytes] | None = None
        self.last = 0

    def start(self, *, environment: str = "FOO = bar", general: str = "") -> None:
        """
        Start it and wait until it is connected.

        :param general: more lines of its configuration
        """
        (self.config / "config.ini").write_text(
            f"[General]\napi-url = {self.server.url}\nworking-directory = {self.working}\n"
            f"scratch-directory = {self.scratch}\n{general}\n[Environment]\n{environment}\n"
        )
        token = self.config / "token"
        token.write_text("k" * 64)
        token.chmod(0o600)
        connections = self.server.connections
        with (self.base / "agent.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "debusine.testing.agent_program", str(self.config)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        wait_for(lambda: self.server.connections > connections, instead=lambda: self.log)

    @property
    def log(self) -> str:
        """What it logged."""
        return (self.base / "agent.log").read_text(errors="replace")

    def run(self, task_name: str, **fields: Any) -> WorkRequestCompleted:
        """Have a work request run; its report."""
        number = self.begin(task_name, **fields)
        return wait_for(lambda: self.server.memory.reports.get(number))

    def begin(self, task_name: str, **fields: Any) -> int:
        """Give it a work request; the id of that."""
        number = self.server.memory.add_work_request(task_name=task_name, **fields)
        self.last = number
        self.server.announce_work()
        return number

    def log_of(self, number: int) -> bytes:
        """What the server has of the log of a work request."""
        return bytes(self.server.logs.get(number, b""))

    def wait_for_heartbeats(self, count: int) -> None:
        """Wait until it has sent some more: by then it has seen what it was told before."""
        wanted = len(self.server.heartbeats) + count
        wait_for(lambda: len(self.server.heartbeats) >= wanted)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End it; its exit status."""
        assert self.process is not None
        self.process.send_signal(number)
        status = self.process.wait(PATIENCE_S)
        self.process = None
        return status

    def leftovers(self) -> list[Path]:
        """Directories of tasks that are still there."""
        return [*self.working.glob("WR-*"), *self.scratch.glob("*")]


def begin_escape(agent: AgentProgram, report: Path, *, stage: str = "run") -> int:
    """
    Give an agent ``testescape``, which lasts until :func:`end_escape`.

    :param report: is written once it lasts
    :param stage: in which it lasts
    :returns: id of the work request
    """
    data = {"path": str(report), "until": str(_end_of(report)), "stage": stage}
    return agent.begin("testescape", task_data=data)


def end_escape(report: Path) -> None:
    """Let it end in an orderly way, at once if it has not begun."""
    _end_of(report).touch()


def _end_of(report: Path) -> Path:
    return report.with_suffix(".end")


def escaped(report: Path) -> tuple[list[int], Path]:
    """What ``testescape`` wrote: its processes and its scratch directory."""
    wait_for(report.exists)
    *pids, scratch = report.read_text().split()
    return [int(pid) for pid in pids], Path(scratch)
