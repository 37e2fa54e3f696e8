# SPDX-License-Identifier: GPL-3.0-or-later
"""
What the log of a running task costs the server, piece by piece.

Agents are simulated as in ``agents_costs.py``: each takes a request and sends pieces of a
log as fast as the server acknowledges them.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from pathlib import Path

import aiohttp
from agents_costs import make_workers
from harness import Server, server

from debusine.util.clock import SystemClock
from debusine.wire.work_request import WorkRequestCreate
from debusine.wire.worker import LogFrameHeader, pack_log_frame
from debusine.worker.server_api import ServerApi


async def stream(
    running: Server, session: aiohttp.ClientSession, key: str, *, pieces: int, size: int
) -> None:
    """Take a request and send its log, waiting for each acknowledgement."""
    url = f"{running.url}/ws/1.0/worker/connect/".replace("http", "ws", 1)
    async with session.ws_connect(url, headers={"token": key}) as socket:
        await socket.receive_json()
        taken = await ServerApi(session, running.url).get_next(key, running=[])
        assert taken is not None
        for number in range(pieces):
            header = LogFrameHeader(
                work_request_id=taken.id,
                offset=number * size,
                stream="stdout",
                timestamp=SystemClock().now(),
            )
            await socket.send_bytes(pack_log_frame(header, b"x" * size))
            while (await socket.receive_json()).get("text") != "log_ack":
                pass


async def measure(running: Server, keys: list[str], *, pieces: int, size: int) -> None:
    """Print a row of the table."""
    client = running.client()
    for _ in keys:
        client.work_request_create(WorkRequestCreate(task_name="noop"))
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        cpu_s, began = running.cpu_s(), time.monotonic()
        await asyncio.gather(
            *(stream(running, session, key, pieces=pieces, size=size) for key in keys)
        )
        took, cpu_s = time.monotonic() - began, running.cpu_s() - cpu_s
    count = len(keys) * pieces
    print(f"| {size:>6} | {count / took:>8.0f} | {cpu_s / count * 1000:>12.2f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--agents", type=int, default=10)
    parser.add_argument("--pieces", type=int, default=300)
    given = parser.parse_args()
    print("Pieces of logs\n\n| bytes  | a second | ms of CPU    |\n|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="debusine-bench-") as name:
        data_dir = Path(name)
        with server(data_dir, "--no-worker"):
            pass
        keys = make_workers(data_dir, 2 * given.agents)
        with server(data_dir, "--no-worker") as running:
            for part, size in enumerate((512, 16384)):
                some = keys[part * given.agents : (part + 1) * given.agents]
                asyncio.run(measure(running, some, pieces=given.pieces, size=size))


if __name__ == "__main__":
    main()
