# SPDX-License-Identifier: GPL-3.0-or-later
"""A Redis server of one's own, on loopback, that can be taken away and brought back."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field

import redis

from debusine.testing.ports import free_port
from debusine.testing.waiting import wait_for


@dataclass(kw_only=True)
class RedisServer:
    """One server that keeps nothing on disk."""

    port: int = field(default_factory=free_port)
    _process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Its address, as the setting ``redis_url`` wants it."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._process = subprocess.Popen(
            [
                "redis-server", "--bind", "127.0.0.1", "--port", str(self.port),
                "--save", "", "--appendonly", "no", "--daemonize", "no",
            ],
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        wait_for(self._answers)

    def stop(self) -> None:
        """Kill it; what it held is lost."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _answers(self) -> bool:
        with contextlib.suppress(redis.ConnectionError), redis.Redis.from_url(self.url) as client:
            return bool(client.ping())
        return False


@contextlib.contextmanager
def redis_server() -> Iterator[RedisServer]:
    """Have a server for a while."""
    server = RedisServer()
    server.start()
    try:
        yield server
    finally:
        server.stop()
