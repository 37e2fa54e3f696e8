# SPDX-License-Identifier: GPL-3.0-or-later
"""The thread that looks after what no message will wake: lapsed leases, timers that are due."""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog
from django.db import close_old_connections

INTERVAL_S = 2.0

log = structlog.get_logger(__name__)


class JobsThread:
    """
    Calls a job again and again until stopped.

    :param job: safe to run twice; what it raises is logged and the next turn tries again
    """

    def __init__(self, job: Callable[[], object], *, interval_s: float = INTERVAL_S) -> None:
        self._job = job
        self._interval_s = interval_s
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="jobs", daemon=True)

    def start(self) -> None:
        """Begin; the first turn comes at once."""
        self._thread.start()

    def stop(self) -> None:
        """End after the turn that is under way."""
        self._stopping.set()
        self._thread.join(self._interval_s + 5)

    def _run(self) -> None:
        while True:
            close_old_connections()
            try:
                self._job()
            except Exception:
                log.exception("job-failed")
            if self._stopping.wait(self._interval_s):
                return
