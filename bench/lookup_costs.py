# SPDX-License-Identifier: GPL-3.0-or-later
"""
Measure what lookups cost in small and in large collections, and what adding a package costs.

On SQLite and on a PostgreSQL server of its own, in one run; the ratio is what counts.
"""

from __future__ import annotations

import argparse
from functools import partial

from harness import measure_inside

from debusine.testing.postgresql import postgresql

FEW = 200


def show(name: str, rows: list[dict[str, object]]) -> None:
    """
    Print the rows of one database.

    :param rows: of ``what``, ``found``, and medians ``few`` and ``many`` in ms
    """
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
    measure = partial(measure_inside, "lookup_costs_inside.py", FEW, given.items, given.rounds)
    show("SQLite", measure(database_url=None))
    with postgresql() as server:
        show("PostgreSQL", measure(database_url=server.url))


if __name__ == "__main__":
    main()
