# SPDX-License-Identifier: GPL-3.0-or-later
"""
The thread that looks after what no message wakes: it sweeps, and waits for timers.

It needs no broker. A process has one at most, and any number of processes may.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime

import structlog
from django.db import close_old_connections, connections

from debusine.server import timer
from debusine.server.full_disk import log_failure
from debusine.server.jobs.sweep import Sweeper
from debusine.server.jobs.timers import ring_timers
from debusine.util.clock import Clock, SystemClock

INTERVAL_S = 2.0
# two rounds that have nothing to wait for are this far apart, whatever timers say
_PAUSE_S = 0.05

log = structlog.get_logger(__name__)


class Ticker:
    """
    Sweeps every two seconds, and does what is due when it is.

    :param sweep: safe to run twice; what it raises is logged, and the next turn tries again
    :param ring: gets the time, does what is due and returns when the next one is
    """

    def __init__(
        self,
        sweep: Callable[[], object],
        ring: Callable[[datetime], datetime | None],
        *,
        clock: Clock,
        interval_s: float = INTERVAL_S,
    ) -> None:
        self._sweep = sweep
        self._ring = ring
        self._clock = clock
        self._interval_s = interval_s
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="ticker", daemon=True)

    def start(self) -> None:
        """Begin; the first turn comes at once."""
        self._thread.start()

    def stop(self) -> None:
        """End after the turn that is under way."""
        self._stopping = True
        timer.CHANGED.set()
        self._thread.join(self._interval_s + 5)

    def _run(self) -> None:
        sweep_at = self._clock.monotonic()
        while not self._stopping:
            timer.CHANGED.clear()
            close_old_connections()
            if self._clock.monotonic() >= sweep_at:
                sweep_at = self._clock.monotonic() + self._interval_s
                self._guarded(self._sweep)
            due_at = self._guarded(lambda: self._ring(self._clock.now()))
            pause_s = sweep_at - self._clock.monotonic()
            if due_at is not None:
                pause_s = min(pause_s, (due_at - self._clock.now()).total_seconds())
            if not self._stopping:
                timer.CHANGED.wait(max(_PAUSE_S, pause_s))
        connections.close_all()

    @staticmethod
    def _guarded(step: Callable[[], object]) -> datetime | None:
        try:
            answer = step()
        except Exception as error:  # noqa: BLE001  the next sweep tries again
            log_failure("sweep-failed", error)
            return None
        return answer if isinstance(answer, datetime) else None


class _Shared:
    """The one of this process, which runs as long as somebody wants it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wanted = 0
        self._ticker: Ticker | None = None

    def acquire(self) -> None:
        with self._lock:
            self._wanted += 1
            if self._ticker is None:
                clock = SystemClock()
                self._ticker = Ticker(Sweeper(clock).sweep, ring_timers, clock=clock)
                self._ticker.start()

    def release(self) -> None:
        with self._lock:
            self._wanted -= 1
            ticker = self._ticker if self._wanted == 0 else None
            if ticker is not None:
                self._ticker = None
        if ticker is not None:
            ticker.stop()


_shared = _Shared()
acquire = _shared.acquire
release = _shared.release
