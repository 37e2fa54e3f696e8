# SPDX-License-Identifier: GPL-3.0-or-later
"""
Drive the queue through many histories of accidents, each repeatable by its number.

What a history may contain and what has to hold stands in ``tests/properties/machine``. The
first one that breaks something is printed with all its moves, and ends the program.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--first", type=int, default=0, help="number of the first run")
    parser.add_argument("--runs", type=int, default=10_000)
    given = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    with tempfile.TemporaryDirectory(prefix="debusine-bench-") as data_dir:
        os.environ["DEBUSINE_DATA_DIR"] = data_dir
        os.environ.pop("DEBUSINE_DATABASE_URL", None)
        drive(given.first, given.runs)


def drive(first: int, runs: int) -> None:
    """Make a database and run all numbers; nothing of a run stays."""
    # Django wants its settings before anything of ours is imported
    os.environ["DJANGO_SETTINGS_MODULE"] = "debusine.site.settings"
    import django  # noqa: PLC0415

    django.setup()
    from django.core.management import call_command  # noqa: PLC0415
    from django.db import connection, transaction  # noqa: PLC0415
    from tests.properties.machine.run import BrokenError, run  # noqa: PLC0415
    from tests.properties.machine.world import Place  # noqa: PLC0415

    from debusine.util.log import configure_logging  # noqa: PLC0415

    configure_logging("CRITICAL", stream=sys.stderr)
    call_command("migrate", verbosity=0)
    moves = 0
    began = time.monotonic()
    with transaction.atomic():
        place = Place.make()
        for number in range(first, first + runs):
            try:
                moves += run(number, place)
            except BrokenError as error:
                raise SystemExit(str(error)) from error
        transaction.set_rollback(True)
    connection.close()
    took = time.monotonic() - began
    print(
        f"queue: {runs} histories from {first} on, {moves} lines of events, all sound, {took:.0f} s"
    )


if __name__ == "__main__":
    main()
