# SPDX-License-Identifier: GPL-3.0-or-later
"""
Measure what taking a request from the queue costs when few and when many wait.

On SQLite and on a PostgreSQL server of its own, in one run; the ratio is what counts.
"""

from __future__ import annotations

import argparse
from functools import partial

from harness import measure_inside

from debusine.testing.postgresql import postgresql

FEW = 100


def show(name: str, rows: list[dict[str, object]]) -> None:
    """
    Print the rows of one database.

    :param rows: of ``mode``, ``waiting``, ``p50`` and ``p95`` in ms
    """
    base = float(str(rows[0]["p95"]))
    for row in rows:
        p50, p95 = float(str(row["p50"])), float(str(row["p95"]))
        print(
            f"| {name:<10} | {row['mode']:<43} | {row['waiting']:>7} | {p50:>6.2f} |"
            f" {p95:>6.2f} | {p95 / base:>5.2f} |",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--waiting", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=300)
    given = parser.parse_args()
    print("Taking a request (claim), in ms; aim: ratio at most 1.5, p95 under 10 (50: metadata)\n")
    print(f"| {'database':<10} | {'what waits':<43} |  number |    p50 |    p95 | ratio |")
    print("|---|---|---|---|---|---|")
    measure = partial(measure_inside, "queue_costs_inside.py", FEW, given.waiting, given.rounds)
    show("SQLite", measure(database_url=None))
    with postgresql() as server:
        show("PostgreSQL", measure(database_url=server.url))


if __name__ == "__main__":
    main()
