# SPDX-License-Identifier: GPL-3.0-or-later
"""
How many requests a second: created while no worker is there, and run from end to end.

On SQLite and on a PostgreSQL server of its own.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path

from harness import Server, server

from debusine.testing.postgresql import postgresql
from debusine.wire.work_request import WorkRequest, WorkRequestCreate

CLIENTS = 4
NOOP = WorkRequestCreate(task_name="noop")


def create(running: Server, count: int) -> list[WorkRequest]:
    """Create so many requests, a few at a time."""

    def some(share: int) -> list[WorkRequest]:
        client = running.client()
        return [client.work_request_create(NOOP) for _ in range(share)]

    with ThreadPoolExecutor(CLIENTS) as pool:
        return list(chain.from_iterable(pool.map(some, [count // CLIENTS] * CLIENTS)))


def wait_for_all(running: Server, requests: list[WorkRequest]) -> float:
    """
    Wait until all requests have ended.

    :returns: seconds from the first creation to the last end, as the server noted them
    """
    client = running.client()
    ends = []
    for one in requests:
        while (end := client.work_request_get(one.id).completed_at) is None:
            time.sleep(0.2)
        ends.append(end)
    return (max(ends) - min(one.created_at for one in requests)).total_seconds()


def measure(count: int, slots: int, *, database_url: str | None) -> tuple[float, float]:
    """
    Measure on one database.

    :returns: creations a second, requests run from end to end a second
    """
    more = {} if database_url is None else {"DEBUSINE_DATABASE_URL": database_url}
    with tempfile.TemporaryDirectory(prefix="debusine-bench-") as name:
        data_dir = Path(name)
        data_dir.chmod(0o755)
        with server(data_dir, "--no-worker", environment=more) as running:
            create(running, CLIENTS * 5)
            began = time.monotonic()
            create(running, count)
            created = count / (time.monotonic() - began)
        with server(data_dir, "--slots", str(slots), environment=more) as running:
            # what waits from before shows that the agent is there and warm
            wait_for_all(running, create(running, CLIENTS))
            ended = count / wait_for_all(running, create(running, count))
    return created, ended


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=400)
    parser.add_argument("--slots", type=int, default=4)
    given = parser.parse_args()
    print("Requests a second; aims: 100 created; 25 run on SQLite, 40 on PostgreSQL\n")
    print("| database   | created | run from end to end |\n|---|---|---|")
    created, ended = measure(given.requests, given.slots, database_url=None)
    print(f"| {'SQLite':<10} | {created:>7.1f} | {ended:>19.1f} |", flush=True)
    with postgresql() as database:
        created, ended = measure(given.requests, given.slots, database_url=database.url)
    print(f"| {'PostgreSQL':<10} | {created:>7.1f} | {ended:>19.1f} |", flush=True)


if __name__ == "__main__":
    main()
