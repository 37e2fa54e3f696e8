# SPDX-License-Identifier: GPL-3.0-or-later
"""
What a small request costs: latency and CPU of ``noop``, a read, a start, and memory.

The yardstick of the same run is one pass of Python over ten million additions, so
that figures of different machines can be compared.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from harness import Server, server

from debusine.client.debusine import Debusine
from debusine.domain.work_request import WorkRequestStatus
from debusine.wire.work_request import WorkRequestCreate


def yardstick_s() -> float:
    """Seconds of CPU for ten million additions."""
    began = time.process_time()
    total = 0
    for number in range(10_000_000):
        total += number
    return time.process_time() - began


def run_noop(client: Debusine, result: str) -> float:
    """
    Milliseconds from POST until the request is completed.

    The end is the one that the server noted: who polls more often to see it sooner
    slows down what is measured.
    """
    began = time.time()
    request = client.work_request_create(
        WorkRequestCreate(task_name="noop", task_data={"result": result})
    )
    while request.completed_at is None:
        time.sleep(0.05)
        request = client.work_request_get(request.id)
        if time.time() - began > 30:
            raise SystemExit(f"work request {request.id} did not complete in 30 s")
    return (request.completed_at.timestamp() - began) * 1000


def timed_ms(action: Callable[[], object]) -> float:
    """Milliseconds that an action takes."""
    began = time.monotonic()
    action()
    return (time.monotonic() - began) * 1000


def wait_for_worker(client: Debusine) -> None:
    """The first request also waits for the worker to come up."""
    run_noop(client, "success")


def row(what: str, value: float, unit: str, aim: str) -> None:
    """Print one line of the table."""
    print(f"| {what:<58} | {value:>9.1f} {unit:<4} | {aim:<8} |", flush=True)


def measure_running(running: Server, rounds: int) -> None:
    """Everything that needs one running server."""
    client = running.client()
    wait_for_worker(client)
    time.sleep(5)
    row("resident memory (PSS), everything idle", running.pss_mib(), "MiB", "300")
    for result in ("success", "failure"):
        samples = [run_noop(client, result) for _ in range(rounds)]
        row(
            f"noop that ends in {result}, POST to completed, p50",
            statistics.median(samples),
            "ms",
            "100",
        )
    request = client.work_request_create(WorkRequestCreate(task_name="noop"))
    reads = [timed_ms(lambda: client.work_request_get(request.id)) for _ in range(rounds * 5)]
    row("GET of one work request, p50", statistics.median(reads), "ms", "15")
    measure_cpu(running, client, rounds)


def measure_cpu(running: Server, client: Debusine, rounds: int) -> None:
    """CPU of all processes per request, without the polling of this program."""
    time.sleep(2)
    began = running.cpu_s()
    last = 0
    for _ in range(rounds):
        last = client.work_request_create(WorkRequestCreate(task_name="noop")).id
        time.sleep(0.25)
    while client.work_request_get(last).status is not WorkRequestStatus.COMPLETED:
        time.sleep(0.05)
    time.sleep(1)
    row(
        "CPU of all server and worker processes per noop",
        (running.cpu_s() - began) / rounds * 1000,
        "ms",
        "80",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=40)
    arguments = parser.parse_args()
    with contextlib.ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="debusine-bench-")))
        root.chmod(0o755)
        row("yardstick: ten million additions", yardstick_s() * 1000, "ms", "-")
        with server(root) as first:
            row("debusine up on an empty data directory", first.ready_s * 1000, "ms", "-")
        with server(root) as running:
            row("debusine up on an existing data directory", running.ready_s * 1000, "ms", "3000")
            measure_running(running, arguments.rounds)
        row("yardstick again: is the machine still as fast?", yardstick_s() * 1000, "ms", "-")


if __name__ == "__main__":
    main()
