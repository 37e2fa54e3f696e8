# SPDX-License-Identifier: GPL-3.0-or-later
"""
All parts of a large installation on loopback, each of which can be killed and started again.

PostgreSQL, Redis, two servers, two processes for jobs, one signing worker, three agents.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from debusine.client.config import read_client_config
from debusine.client.debusine import Debusine
from debusine.client.local_server import DataDir
from debusine.errors import UserError
from debusine.testing.ports import free_port
from debusine.testing.postgresql import PostgreSQL, postgresql
from debusine.testing.redis import RedisServer, redis_server
from debusine.testing.waiting import wait_for
from debusine.testing.warm_start import WarmStart, warm_start

LEASE_S = 3
SERVERS = ("server-1", "server-2")
JOBS = ("jobs-1", "jobs-2")
SIGNING = "signing"
AGENTS = ("agent-1", "agent-2", "agent-3")
PARTS = (*SERVERS, *JOBS, SIGNING, *AGENTS)


@dataclass
class ScaledOut:
    """
    The installation; every part has a name.

    :param environment: settings of servers and processes for jobs
    :param warm: starts them
    """

    root: Path
    database: PostgreSQL
    redis: RedisServer
    environment: Mapping[str, str]
    warm: WarmStart
    ports: Mapping[str, int] = field(
        default_factory=lambda: {name: free_port() for name in SERVERS}
    )
    processes: dict[str, psutil.Process] = field(default_factory=dict)
    _before: dict[str, int] = field(default_factory=dict)

    @property
    def data_dir(self) -> DataDir:
        """What servers and processes for jobs share beside the database."""
        return DataDir(self.root / "data")

    def set_up(self) -> None:
        """Start all parts, and let workers in."""
        for name in (*SERVERS, *JOBS):
            self.start(name)
        for name in SERVERS:
            self.wait_until_ready(name)
        for name in (SIGNING, *AGENTS):
            self._configure(name)
            self.start(name)
        self._let_in()

    def _configure(self, name: str) -> None:
        directory = self.root / name
        directory.mkdir()
        server = SERVERS[AGENTS.index(name) % len(SERVERS)] if name in AGENTS else SERVERS[0]
        lines = ["[General]", f"api-url = {self.url(server)}"]
        if name == SIGNING:
            lines += ["[Signing]", f"data-directory = {directory / 'data'}"]
        (directory / "config.ini").write_text("\n".join(lines) + "\n")

    def _let_in(self) -> None:
        """Enable the workers until all are connected."""
        workers = self.client(SERVERS[0]).workers

        def all_connected() -> bool:
            for one in workers.all():
                # who was invited at the start has not joined, and cannot be enabled
                with contextlib.suppress(UserError):
                    workers.enable(one.name)
            return all(map(self._is_ready, (SIGNING, *AGENTS)))

        wait_for(all_connected, instead=self.logs)

    def start(self, name: str) -> None:
        """Start a part; :meth:`wait_until_ready` waits for it."""
        log = self.root / f"{name}.log"
        log.touch()
        self._before[name] = log.stat().st_size
        module, *arguments = self._command(name)
        self.processes[name] = self.warm.start(module, *arguments, log=log)

    def wait_until_ready(self, name: str) -> None:
        """Wait until a part does its work, after its last start."""
        wait_for(lambda: self._is_ready(name), instead=self.logs)

    def _is_ready(self, name: str) -> bool:
        assert self.processes[name].is_running(), self.log(name)
        said = (self.root / f"{name}.log").read_bytes()[self._before[name] :]
        sign = (
            b"startup complete"
            if name in SERVERS
            else b"started"
            if name in JOBS
            else b"'connected'"
        )
        return sign in said

    def _command(self, name: str) -> list[str]:
        if name in SERVERS:
            return [
                "uvicorn", "debusine.site.asgi:application", "--ws", "websockets-sansio",
                "--host", "127.0.0.1", "--port", str(self.ports[name]), "--no-access-log",
            ]  # fmt: skip
        if name in JOBS:
            return ["debusine.standalone.jobs_worker", "--log-stderr"]
        directory = str(self.root / name)
        if name == SIGNING:
            return ["debusine.signing.main", "--config-directory", directory, "run", "--log-stderr"]
        return [
            "debusine.worker.main", "--log-stderr", "--config-directory", directory,
            "--working-directory", f"{directory}/work",
        ]  # fmt: skip

    def kill(self, name: str) -> None:
        """Kill a part with -9 and start it again; does not wait until it is ready."""
        self.processes[name].kill()
        self.processes[name].wait()
        self.start(name)

    def url(self, server: str) -> str:
        """Where the API of a server is."""
        return f"http://127.0.0.1:{self.ports[server]}/api"

    def client(self, server: str) -> Debusine:
        """The API of a server as the administrator sees it."""
        return Debusine(self.url(server), self.token)

    @property
    def token(self) -> str:
        """The key of the administrator."""
        return read_client_config(self.data_dir.client_config).select().token

    def logs(self) -> str:
        """The ends of all logs."""
        return "\n".join(map(self.log, self._before))

    def log(self, name: str) -> str:
        """The end of what a part logged."""
        return f"--- {name}\n" + (self.root / f"{name}.log").read_text()[-3000:]

    def stop(self) -> None:
        """End all parts in an orderly way."""
        for process in reversed(self.processes.values()):
            process.terminate()
        _, still_there = psutil.wait_procs(list(self.processes.values()), timeout=20)
        for process in still_there:
            process.kill()


def _environment(root: Path, database: PostgreSQL, redis: RedisServer) -> dict[str, str]:
    return {
        **os.environ,
        "DEBUSINE_DATA_DIR": str(root / "data"),
        "DEBUSINE_DATABASE_URL": database.url,
        "DEBUSINE_REDIS_URL": redis.url,
        "DEBUSINE_JOBS": "elsewhere",
        "DEBUSINE_LEASE": f"PT{LEASE_S}S",
        "DEBUSINE_RETRY_DELAY": "PT1S",
        # agents are killed faster than anywhere else
        "DEBUSINE_RETRIES_LOST_WORKER": "20",
    }


def _make_tables(root: Path, environment: Mapping[str, str]) -> None:
    """Make tables and the administrator, as ``debusine up`` does."""
    reader, writer = os.pipe()
    with (root / "set-up.log").open("w+b") as output:
        first = subprocess.Popen(
            [
                sys.executable, "-m", "debusine.standalone", "--no-worker",
                "--data-dir", str(root / "data"), "--listen", "127.0.0.1:0",
                "--ready-fd", str(writer),
            ],
            env=environment,
            pass_fds=[writer],
            stdout=output,
            stderr=output,
        )  # fmt: skip
        os.close(writer)
        with os.fdopen(reader, "rb") as ready:
            assert ready.readline(), (root / "set-up.log").read_text()[-3000:]
        first.terminate()
        first.wait(30)


@contextlib.contextmanager
def scaled_out() -> Iterator[ScaledOut]:
    """Run the installation for a while; nothing of it stays."""
    with (
        tempfile.TemporaryDirectory(prefix="debusine-scaled-", dir="/dev/shm") as name,
        postgresql() as database,
        redis_server() as redis,
    ):
        root = Path(name)
        root.chmod(0o755)
        environment = _environment(root, database, redis)
        _make_tables(root, environment)
        with warm_start(environment) as warm:
            running = ScaledOut(
                root=root, database=database, redis=redis, environment=environment, warm=warm
            )
            try:
                running.set_up()
                yield running
            finally:
                running.stop()
