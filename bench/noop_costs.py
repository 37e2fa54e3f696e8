# SPDX-License-Identifier: GPL-3.0-or-later
"""
CPU that a ``noop`` takes, by part, while many run beside each other.

Time of processors, not of clocks. A machine with more to do shows more of it all the same, as
caches and cores are shared: compare with the yardstick, ten million additions of Python.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import tempfile
from pathlib import Path

import psutil
from harness import Server, server
from server_costs import yardstick_s
from throughput_costs import CLIENTS, create, wait_for_all

from debusine.testing.postgresql import PostgreSQL, postgresql

SERVER, AGENT, NURSERY, DATABASE, CLIENT = "server", "agent", "nursery", "database", "client"
PARTS = (SERVER, AGENT, NURSERY, DATABASE, CLIENT)


def cpu_s(processes: list[psutil.Process]) -> float:
    """Seconds of CPU that processes used, and those that they have waited for."""
    total = 0.0
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total


def parts(running: Server, database: PostgreSQL | None) -> dict[str, list[psutil.Process]]:
    """Which processes belong to which part; supervisors and tasks are the nursery's."""
    root = psutil.Process(running.process.pid)
    agents = root.children()
    found = {SERVER: [root], AGENT: agents, CLIENT: [psutil.Process(os.getpid())]}
    found[NURSERY] = nurseries = [each for agent in agents for each in agent.children()]
    # supervisors that live; the others are among what the nursery has waited for
    nurseries += [supervisor for nursery in list(nurseries) for supervisor in nursery.children()]
    if database is not None:
        first = (database.directory / "data/postmaster.pid").read_text().splitlines()[0]
        postmaster = psutil.Process(int(first))
        found[DATABASE] = [postmaster, *postmaster.children()]
    return found


def spent(running: Server, database: PostgreSQL | None) -> dict[str, float]:
    """Seconds of CPU so far, by part."""
    return {part: cpu_s(of) for part, of in parts(running, database).items()}


def measure(count: int, slots: int, database: PostgreSQL | None) -> dict[str, float]:
    """Milliseconds of CPU for each of some requests that are created and run, by part."""
    more = {} if database is None else {"DEBUSINE_DATABASE_URL": database.url}
    with tempfile.TemporaryDirectory(prefix="debusine-bench-") as name:
        data_dir = Path(name)
        data_dir.chmod(0o755)
        with server(data_dir, "--slots", str(slots), environment=more) as running:
            wait_for_all(running, create(running, CLIENTS * 10))
            before = spent(running, database)
            wait_for_all(running, create(running, count))
            after = spent(running, database)
    return {part: (after[part] - before[part]) / count * 1000 for part in after}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=400)
    parser.add_argument("--slots", type=int, default=4)
    parser.add_argument("--database", choices=("SQLite", "PostgreSQL"), action="append")
    given = parser.parse_args()
    print("CPU per noop, ms; aim: 80 on SQLite and 50 on PostgreSQL, of two cores\n")
    print(f"| database   | {' | '.join(PARTS)} | all | yardstick |")
    print(f"|---{'|---' * (len(PARTS) + 2)}|")
    for name in given.database or ("SQLite", "PostgreSQL"):
        with contextlib.ExitStack() as stack:
            database = stack.enter_context(postgresql()) if name == "PostgreSQL" else None
            taken = measure(given.requests, given.slots, database)
        additions = yardstick_s() * 1000
        figures = " | ".join(f"{taken.get(part, 0):>{len(part)}.1f}" for part in PARTS)
        total = sum(taken.values())
        print(f"| {name:<10} | {figures} | {total:.1f} | {additions:.0f} |", flush=True)


if __name__ == "__main__":
    main()
