# SPDX-License-Identifier: GPL-3.0-or-later
"""
Measure what lookups cost in small and in large collections, and what adding a package costs.

On SQLite and on a PostgreSQL server of its own, in one run; the ratio is what counts.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

from debusine.testing.postgresql import postgresql
from debusine.util.command import Command, run

FEW = 200
INSIDE = Path(__file__).with_name("lookup_costs_inside.py")


def measure(many: int, rounds: int, *, database_url: str | None) -> list[dict[str, object]]:
    """
    Measure on one database, in a process of its own, as Django knows one.

    :returns: rows with ``what``, ``found``, and medians ``few`` and ``many`` in ms
    """
    with tempfile.TemporaryDirectory(prefix="debusine-bench-") as data_dir:
        environment = {**os.environ, "DEBUSINE_DATA_DIR": data_dir}
        if database_url is not None:
            environment["DEBUSINE_DATABASE_URL"] = database_url
        argv = [sys.executable, str(INSIDE), str(FEW), str(many), str(rounds)]
        done = run(Command(argv, env=environment))
    # what the server logs comes before
    found: list[dict[str, object]] = json.loads(done.stdout.splitlines()[-1])
    return found


def show(name: str, rows: list[dict[str, object]]) -> None:
    """Print the rows of one database."""
    for row in rows:
        few, many = float(str(row["few"])), float(str(row["many"]))
        print(
            f"| {name:<10} | {row['what']:<46} | {row['found']:>5} | {few:>7.2f} |"
            f" {many:>7.2f} | {many / few:>5.2f} |",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=120_000)
    parser.add_argument("--rounds", type=int, default=100)
    given = parser.parse_args()
    print(f"Medians in ms, in collections of {FEW} and {given.items} items; aim: at most 5\n")
    print(f"| {'database':<10} | {'what':<46} | found |     few |    many | ratio |")
    print("|---|---|---|---|---|---|")
    show("SQLite", measure(given.items, given.rounds, database_url=None))
    with postgresql() as server:
        show("PostgreSQL", measure(given.items, given.rounds, database_url=server.url))


if __name__ == "__main__":
    main()
