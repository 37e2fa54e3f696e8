# SPDX-License-Identifier: GPL-3.0-or-later
"""
Replay the day on which a whole distribution is rebuilt, through the real queue code.

Every source is built once, and three checks follow each build. Only the workers are
simulated, and the clock: requests are created, claimed, reported and lost by the server's
own actions on a real database, which stands in a process of its own per run.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from debusine.testing.postgresql import postgresql
from debusine.util.command import Command, run

INSIDE = Path(__file__).with_name("day_inside.py")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sources", type=int, default=37_670)
    parser.add_argument("--workers", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--postgresql", action="store_true", help="instead of SQLite")
    given = parser.parse_args()
    with ExitStack() as stack:
        data_dir = stack.enter_context(tempfile.TemporaryDirectory(prefix="debusine-bench-"))
        environment = {**os.environ, "DEBUSINE_DATA_DIR": data_dir}
        if given.postgresql:
            environment["DEBUSINE_DATABASE_URL"] = stack.enter_context(postgresql()).url
        numbers = (given.sources, given.workers, given.seed)
        argv = [sys.executable, str(INSIDE), *map(str, numbers)]
        run(Command(argv, env=environment, log=sys.stdout.buffer))


if __name__ == "__main__":
    main()
