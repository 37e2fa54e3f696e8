# SPDX-License-Identifier: GPL-3.0-or-later
"""
``python -m debusine.standalone.jobs_worker``: a process that does nothing but jobs.

Any number of them may run beside each other, on machines that share the database, Redis
and the data directory with the servers.
"""

from __future__ import annotations

import argparse
import importlib
import os
import signal
import sys
import threading
from collections.abc import Sequence

import django
import structlog

from debusine.errors import DebusineError, UserError
from debusine.settings import Settings
from debusine.util.log import LEVELS, configure_logging

_STOP_PATIENCE_S = 5.0

log = structlog.get_logger(__name__)


def main(argv: Sequence[str]) -> int:
    """
    Run jobs until told to stop.

    :returns: exit status: 0 after a clean end, 2 if it could not start
    """
    parser = argparse.ArgumentParser(
        prog="debusine.standalone.jobs_worker",
        description="Runs jobs and tasks of the server, beside others that do.",
        epilog="Settings come from the environment, as for the server.",
    )
    parser.add_argument("--log-level", choices=LEVELS, default="INFO", help="default: %(default)s")
    parser.add_argument("--log-stderr", action="store_true", help="do not log to the journal")
    options = parser.parse_args(argv)
    configure_logging(
        options.log_level,
        identifier="debusine-jobs",
        stream=sys.stderr if options.log_stderr else None,
    )
    try:
        require_broker(Settings())
    except DebusineError as error:
        print(f"Error: {error.explain()}", file=sys.stderr)  # noqa: T201  for people
        return 2
    _run(_stop_on_signals())
    return 0


def require_broker(settings: Settings) -> None:
    """
    Check that messages can reach another process.

    :raises UserError: if they would stay in memory
    """
    if settings.redis_url is None:
        raise UserError(
            "other processes hear of jobs by way of Redis only, and no Redis is set",
            resolution="Set DEBUSINE_REDIS_URL, for servers and for processes for jobs.",
        )


def _run(stop: threading.Event) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "debusine.site.settings")
    django.setup(set_prefix=False)
    # what uses rows can be imported only now
    job_runner = importlib.import_module("debusine.server.job_runner")
    runner = job_runner.JobRunner()
    runner.start()
    log.info("jobs-started")
    stop.wait()
    log.info("stopping")
    runner.stop()
    runner.join(_STOP_PATIENCE_S)


def _stop_on_signals() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
