# SPDX-License-Identifier: GPL-3.0-or-later
"""A server and an agent that are killed and started again, with a task that leaves strays."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import requests

from debusine.artifacts.files import LocalArtifact
from debusine.artifacts.kinds.test import Test, TestData
from debusine.client.config import read_client_config
from debusine.client.debusine import Debusine
from debusine.client.local_server import DataDir
from debusine.errors import DebusineError
from debusine.testing.ports import free_port
from debusine.testing.processes import processes_of
from debusine.testing.waiting import PATIENCE_S, wait_for
from debusine.wire.work_request import WorkRequest, WorkRequestCreate

LEASE_S = 5
INPUT_MIB = 32
# nobody else sleeps this long, so that a stray is recognised by its command line
STRAY = "sleep 86413"


@dataclass
class Farm:
    """
    One server and one agent on loopback, each killable on its own.

    :param agent_prefix: a command that runs the agent's command
    :param lease_s: how long the agent may be silent
    """

    root: Path
    plugins: Path
    agent_prefix: Sequence[str] = ()
    lease_s: float = LEASE_S
    port: int = field(default_factory=free_port)
    server: subprocess.Popen[bytes] | None = None
    agent: subprocess.Popen[bytes] | None = None

    @property
    def data_dir(self) -> DataDir:
        """Where the server keeps everything."""
        return DataDir(self.root / "data")

    @property
    def work(self) -> Path:
        """Where the agent makes all directories of tasks."""
        return self.root / "work"

    def _start(
        self, *command: str, log: str, prefix: Sequence[str] = ()
    ) -> subprocess.Popen[bytes]:
        environment = {
            **os.environ,
            "PYTHONPATH": str(self.plugins),
            "DEBUSINE_LEASE": f"PT{self.lease_s:g}S",
            "DEBUSINE_RETRY_DELAY": "PT1S",
        }
        environment.pop("DEBUSINE_DATA_DIR", None)
        with (self.root / log).open("ab") as output:
            return subprocess.Popen(
                [*prefix, sys.executable, "-m", *command],
                env=environment,
                stdout=output,
                stderr=output,
            )

    def start_server(self) -> None:
        """Start the server and wait until it answers."""
        self.server = self._start(
            "debusine.standalone", "--no-worker", "--data-dir", str(self.data_dir.root),
            "--listen", f"127.0.0.1:{self.port}", log="server.log",
        )  # fmt: skip
        wait_for(self._server_answers, instead=self._end_of_server_log)

    def _server_answers(self) -> bool:
        assert self.server is not None
        assert self.server.poll() is None, self._end_of_server_log()
        try:
            requests.get(f"http://127.0.0.1:{self.port}/api/1.0/whoami/", timeout=5)
        except requests.RequestException:
            return False
        return True

    def _end_of_server_log(self) -> str:
        return (self.root / "server.log").read_text()[-4000:]

    def start_agent(self) -> None:
        """Start the agent; it connects by itself."""
        self.agent = self._start(
            "debusine.worker.main", "--log-stderr", "--log-level", "DEBUG",
            "--config-directory", str(self.data_dir.worker),
            "--working-directory", str(self.work), log="agent.log",
            prefix=self.agent_prefix,
        )  # fmt: skip

    def client(self) -> Debusine:
        """The API as the administrator sees it."""
        return read_client_config(self.data_dir.client_config).select().connect()

    def kill(self, victim: str) -> None:
        """Kill with -9 and start again."""
        process = self.server if victim == "server" else self.agent
        assert process is not None
        process.kill()
        process.wait()
        if victim == "server":
            self.start_server()
        else:
            self.start_agent()

    def upload_input(self, size_mib: int = INPUT_MIB) -> int:
        """Make an artifact for the probe to fetch; returns its id."""
        source = self.root / "input"
        source.write_bytes(os.urandom(2**20) * size_mib)
        local = LocalArtifact(
            category=Test.category, data=TestData(), files={"input": source}, content_types={}
        )
        return self.client().upload_artifact(local, workspace="System").id

    def probe(self, input_artifact: int, script: str, upload_mib: int = 16) -> WorkRequest:
        """Ask for a run of the probe."""
        data = {"input_artifact": input_artifact, "script": script, "upload_mib": upload_mib}
        wanted = WorkRequestCreate(task_name="probe", task_data=data)
        return self.client().work_request_create(wanted)

    def wait_for_log(self, work_request_id: int, text: str) -> None:
        """Wait until the log of a request says something."""
        wait_for(
            lambda: text in self.log(work_request_id),
            instead=lambda: f"{text!r} in the log:\n{self.log(work_request_id)}",
        )

    def log(self, work_request_id: int) -> str:
        """What the log of a request says by now; empty if the server has none."""
        answer = requests.get(
            f"http://127.0.0.1:{self.port}/api/1.0/work-request/{work_request_id}/log/",
            headers={"Token": self.token()},
            timeout=10,
        )
        return answer.text if answer.ok else ""

    def token(self) -> str:
        """The key of the administrator."""
        return read_client_config(self.data_dir.client_config).select().token

    def wait_final(self, work_request_id: int, timeout_s: float = PATIENCE_S) -> WorkRequest:
        """Wait until a request is over, also while the server is away for a moment."""

        def final() -> WorkRequest | None:
            with contextlib.suppress(DebusineError):
                request = self.client().work_request_get(work_request_id)
                if request.status.is_final:
                    return request
            return None

        return wait_for(final, timeout_s=timeout_s)

    def outcomes(self, work_request_id: int) -> list[str]:
        """How the attempts of a request ended, oldest first."""
        with contextlib.closing(sqlite3.connect(self.data_dir.root / "debusine.sqlite3")) as rows:
            query = "SELECT outcome FROM db_attempt WHERE work_request_id = ? ORDER BY number"
            return [outcome for (outcome,) in rows.execute(query, [work_request_id])]

    def strays(self) -> list[str]:
        """Processes, mounts and directories of tasks that are still there."""
        left = [line for line in processes_of(STRAY) if line == STRAY]
        left += [str(path) for path in self.work.glob("*WR-*")]
        mounts = Path("/proc/self/mounts").read_text()
        left += [line for line in mounts.splitlines() if f"{self.work}/" in line]
        return left

    def stop(self) -> None:
        """End both in an orderly way."""
        for process in (self.agent, self.server):
            if process is not None and process.poll() is None:
                process.terminate()
                try:
                    process.wait(20)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()


def wait_without_strays(running: Farm) -> None:
    """Wait until nothing of any task is left."""
    wait_for(lambda: not running.strays(), instead=running.strays)


@contextlib.contextmanager
def farm(
    plugins: Path,
    *,
    agent_prefix: Callable[[Path], Sequence[str]] | None = None,
    lease_s: float = LEASE_S,
) -> Iterator[Farm]:
    """
    Run a farm for a while; nothing of it stays.

    :param plugins: directory with distributions that server and agent also see
    :param agent_prefix: gets the agent's working directory, and makes the command that
        runs the agent's command
    :param lease_s: how long the agent may be silent
    """
    with tempfile.TemporaryDirectory(prefix="debusine-farm-", dir="/dev/shm") as name:
        root = Path(name)
        root.chmod(0o755)
        running = Farm(root=root, plugins=plugins, lease_s=lease_s)
        if agent_prefix is not None:
            running.agent_prefix = agent_prefix(running.work)
        try:
            running.start_server()
            # agents beside us have theirs in the usual place
            with (running.data_dir.worker / "config.ini").open("a") as config:
                config.write(f"scratch-directory = {running.work}\n")
            running.start_agent()
            yield running
        finally:
            running.stop()
