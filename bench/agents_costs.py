# SPDX-License-Identifier: GPL-3.0-or-later
"""
What connected agents cost: memory of the server, and how long a request waits for one.

The agents are simulated, their sockets and requests are real: each sends heartbeats, asks
for work when it is told that there is some, and reports success at once.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
from harness import Server, server

from debusine.domain.result import WorkRequestResults
from debusine.util.command import Command, run
from debusine.wire.work_request import WorkRequestCompleted, WorkRequestCreate
from debusine.wire.worker import FEATURE_HEARTBEAT, Heartbeat, Hello
from debusine.worker.server_api import LockedError, ServerApi

HEARTBEAT_S = 15.0
AT_ONCE = 20
# between two looks; what is measured is what the server noted
_PAUSE_S = 0.02


class SimulatedAgent:
    """
    One agent that is idle most of the time.

    :param doors: so many connect at once
    """

    def __init__(self, api: ServerApi, session: aiohttp.ClientSession, key: str) -> None:
        self._api = api
        self._session = session
        self._key = key
        self.connected = asyncio.Event()

    async def run(self, url: str, doors: asyncio.Semaphore) -> None:
        """Serve until cancelled."""
        async with contextlib.AsyncExitStack() as stack:
            async with doors:
                socket = await stack.enter_async_context(
                    self._session.ws_connect(url, headers={"token": self._key})
                )
                hello = Hello(version="bench", features=[FEATURE_HEARTBEAT])
                await socket.send_str(hello.model_dump_json())
                await socket.receive_json()
            self.connected.set()
            beating = asyncio.create_task(self._beat(socket))
            stack.callback(beating.cancel)
            async for message in socket:
                if json.loads(message.data).get("text") == "work_request_available":
                    await self._work()

    async def _beat(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            await socket.send_str(Heartbeat().model_dump_json())

    async def _work(self) -> None:
        while True:
            try:
                request = await self._api.get_next(self._key, running=[])
            except LockedError:
                await asyncio.sleep(0.05)
                continue
            if request is None:
                return
            report = WorkRequestCompleted(result=WorkRequestResults.SUCCESS)
            await self._api.deliver(
                request.id, report, key=request.token, scope=request.scope or ""
            )


@contextlib.asynccontextmanager
async def agents(running: Server, keys: list[str]) -> AsyncIterator[None]:
    """Have so many agents connected; if one fails, all of it does."""
    connector = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=None, sock_read=60)
    async with (
        aiohttp.ClientSession(connector=connector, timeout=timeout) as session,
        asyncio.TaskGroup() as group,
    ):
        api = ServerApi(session, running.url)
        url = f"{running.url}/ws/1.0/worker/connect/".replace("http", "ws", 1)
        doors = asyncio.Semaphore(AT_ONCE)
        all_of_them = [SimulatedAgent(api, session, key) for key in keys]
        tasks = [group.create_task(agent.run(url, doors)) for agent in all_of_them]
        for agent in all_of_them:
            await agent.connected.wait()
        yield
        for task in tasks:
            task.cancel()


def waiting_ms(running: Server, rounds: int) -> list[float]:
    """Milliseconds from the row of a request to its start, as the server noted both."""
    client = running.client()
    found = []
    for _ in range(rounds):
        request = client.work_request_create(WorkRequestCreate(task_name="noop"))
        while request.completed_at is None:
            time.sleep(_PAUSE_S)
            request = client.work_request_get(request.id)
        assert request.started_at is not None
        found.append((request.started_at - request.created_at).total_seconds() * 1000)
    return found


async def measure(running: Server, keys: list[str], rounds: int) -> None:
    """Connect the agents and print a row of the table."""
    async with agents(running, keys):
        await asyncio.sleep(2)
        waits = await asyncio.to_thread(waiting_ms, running, rounds)
        p99 = statistics.quantiles(waits, n=100)[-1]
        print(
            f"| {len(keys):>6} | {running.pss_mib():>7.0f} | {statistics.median(waits):>8.1f} |"
            f" {p99:>8.1f} |",
            flush=True,
        )


def make_workers(data_dir: Path, count: int) -> list[str]:
    """
    Register workers on a server that does not run.

    :returns: their keys
    """
    inside = Path(__file__).with_name("agents_inside.py")
    environment = {**os.environ, "DEBUSINE_DATA_DIR": str(data_dir)}
    done = run(Command([sys.executable, str(inside), str(count)], env=environment))
    keys: list[str] = json.loads(done.text.splitlines()[-1])
    return keys


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--agents", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=200)
    given = parser.parse_args()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 8192)), hard))
    with tempfile.TemporaryDirectory(prefix="debusine-bench-") as name:
        data_dir = Path(name)
        with server(data_dir, "--no-worker"):
            pass
        keys = make_workers(data_dir, given.agents)
        print("Idle agents; aims: 1,000 in 1 GiB; submit to start in 50 ms (p50), 500 ms (p99)\n")
        print("| agents | MiB     | p50 ms   | p99 ms   |\n|---|---|---|---|")
        for count in (min(10, given.agents), given.agents):
            with server(data_dir, "--no-worker") as running:
                asyncio.run(measure(running, keys[:count], given.rounds))


if __name__ == "__main__":
    main()
