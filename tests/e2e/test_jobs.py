# SPDX-License-Identifier: GPL-3.0-or-later
"""A server, Redis, and processes for jobs that are killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from debusine.client.config import read_client_config
from debusine.client.debusine import Debusine
from debusine.client.local_server import DataDir
from debusine.domain.work_request import WorkRequestStatus
from debusine.testing.ports import free_port
from debusine.testing.redis import RedisServer, redis_server
from debusine.testing.waiting import wait_for
from debusine.wire.work_request import WorkRequest, WorkRequestCreate

PLUGIN = """
import time
from debusine.domain.result import WorkRequestResults
from debusine.server.tasks.base import BaseServerTask
from debusine.tasks.models import BaseDynamicTaskData, BaseTaskData

class SlowData(BaseTaskData):
    until: str

class ServerSlow(BaseServerTask[SlowData, BaseDynamicTaskData]):
    TASK_VERSION = 1

    def get_subject(self):
        return None

    def perform(self):
        import pathlib
        self.log_sender.send(b"begun\\n", "stdout")
        while not pathlib.Path(self.data.until).exists():
            time.sleep(0.05)
            if self.aborted:
                return WorkRequestResults.FAILURE
        return WorkRequestResults.SUCCESS
"""
METADATA = "Metadata-Version: 2.1\nName: slow\nVersion: 1\n"


@dataclass
class Fleet:
    """One server that runs no jobs, and processes that do."""

    root: Path
    redis: RedisServer
    port: int = field(default_factory=free_port)
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def data_dir(self) -> DataDir:
        return DataDir(self.root / "data")

    def start(self, *command: str, pass_fds: Sequence[int] = ()) -> subprocess.Popen[bytes]:
        environment = {
            **os.environ,
            "PYTHONPATH": str(self.root / "plugins"),
            "DEBUSINE_DATA_DIR": str(self.data_dir.root),
            "DEBUSINE_LEASE": "PT2S",
            "DEBUSINE_REDIS_URL": self.redis.url,
            "DEBUSINE_JOBS": "elsewhere",
        }
        with (self.root / "log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", *command],
                env=environment,
                pass_fds=pass_fds,
                stdout=log,
                stderr=log,
            )
        self.processes.append(process)
        return process

    def start_server(self) -> None:
        reader, writer = os.pipe()
        self.start(
            "debusine.standalone", "--no-worker", "--data-dir", str(self.data_dir.root),
            "--listen", f"127.0.0.1:{self.port}", "--ready-fd", str(writer), pass_fds=[writer],
        )  # fmt: skip
        os.close(writer)
        with os.fdopen(reader, "rb") as ready:
            assert ready.readline(), self.log()

    def start_jobs(self) -> subprocess.Popen[bytes]:
        before = self.started()
        process = self.start("debusine.standalone.jobs_worker", "--log-stderr")
        wait_for(lambda: self.started() > before, instead=self.log)
        return process

    def started(self) -> int:
        """How many processes for jobs have been ready by now."""
        return (self.root / "log").read_text().count("server-worker-started")

    def client(self) -> Debusine:
        return read_client_config(self.data_dir.client_config).select().connect()

    def ask(self, name: str, **data: str) -> WorkRequest:
        return self.client().work_request_create(
            WorkRequestCreate(task_name=name, task_data=dict(data))
        )

    def state(self, request: WorkRequest) -> WorkRequest:
        return self.client().work_request_get(request.id)

    def wait_for_result(self, request: WorkRequest) -> str:
        wait_for(lambda: self.state(request).status.is_final, instead=self.log)
        return self.state(request).result.value

    def wait_until_running(self, request: WorkRequest) -> None:
        running = WorkRequestStatus.RUNNING
        wait_for(lambda: self.state(request).status is running, instead=self.log)

    def log(self) -> str:
        logs = [self.root / "log", self.data_dir.log]
        return "\n".join(path.read_text()[-3000:] for path in logs if path.exists())


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    package = tmp_path / "plugins" / "slow-1.dist-info"
    package.mkdir(parents=True)
    (package / "METADATA").write_text(METADATA)
    (package / "entry_points.txt").write_text("[debusine.tasks]\nslow = slow_task:ServerSlow\n")
    (tmp_path / "plugins" / "slow_task.py").write_text(PLUGIN)
    with redis_server() as redis:
        fleet = Fleet(root=tmp_path, redis=redis)
        try:
            fleet.start_server()
            yield fleet
        finally:
            for process in reversed(fleet.processes):
                process.terminate()
                try:
                    process.wait(20)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()


@pytest.mark.real
def test_killed_process_and_lost_redis_cost_time_only(fleet: Fleet) -> None:
    doomed = fleet.start_jobs()
    assert fleet.wait_for_result(fleet.ask("servernoop", result="success")) == "success"
    end = fleet.root / "end"
    slow = fleet.ask("serverslow", until=str(end))
    fleet.wait_until_running(slow)
    # bookkeeping and other tasks go on beside it
    assert fleet.wait_for_result(fleet.ask("servernoop", result="skipped")) == "skipped"
    doomed.send_signal(signal.SIGKILL)
    doomed.wait()
    fleet.start_jobs()
    end.touch()
    assert fleet.wait_for_result(slow) == "success"
    fleet.redis.stop()
    lost = fleet.ask("servernoop", result="success")
    assert fleet.wait_for_result(lost) == "success"
    fleet.redis.start()
    assert fleet.wait_for_result(fleet.ask("servernoop", result="success")) == "success"
