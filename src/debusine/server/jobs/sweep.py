# SPDX-License-Identifier: GPL-3.0-or-later
"""Look after what no message wakes: lapsed leases, and wake-ups that got lost."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db.models import Count, Q

from debusine.db.models import Attempt, Worker
from debusine.server import scheduler
from debusine.server.actions.requeue_work_request import requeue_work_request
from debusine.server.actor import SYSTEM
from debusine.util.clock import Clock, SystemClock

# idle workers that fit something that waits are woken this often; a wake-up is rarely lost
_WAKE_EVERY_S = 10.0


class Sweeper:
    """
    Does one round at a time; any number may run beside each other.

    While the server was down no lease could be renewed. So for the length of a lease
    after it started, none lapses.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._started = clock.monotonic()
        self._woke_at = self._started

    def sweep(self) -> None:
        """Do one round."""
        now = self._clock.now()
        moment = self._clock.monotonic()
        if moment - self._started >= settings.DEBUSINE.lease.total_seconds():
            requeue_lapsed(now)
        if moment - self._woke_at >= _WAKE_EVERY_S:
            self._woke_at = moment
            wake_idle()


def requeue_lapsed(now: datetime) -> int:
    """
    Give up every attempt whose lease has lapsed; one query if there is none.

    :returns: how many there were
    """
    lapsed = Attempt.objects.filter(ended_at=None, lease_until__lt=now).order_by("pk")
    return sum(
        requeue_work_request(
            SYSTEM, attempt=attempt, reason="nothing was heard from the worker", now=now
        )
        for attempt in lapsed
    )


def wake_idle() -> int:
    """
    Tell idle workers that something waits for them, in case they were not told.

    :returns: how many were told
    """
    woken = 0
    idle = Worker.objects.filter(connected_at__isnull=False, token__enabled=True).annotate(
        busy=Count("attempts", filter=Q(attempts__ended_at=None))
    )
    for worker in idle:
        able = scheduler.capability(worker)
        if worker.busy < worker.concurrency and scheduler.head_of_queue(able) is not None:
            scheduler.wake_worker(worker.pk)
            woken += 1
    return woken


_sweeper: Sweeper | None = None


def sweep() -> None:
    """Do one round in this process."""
    global _sweeper  # noqa: PLW0603  remembers when the process started
    if _sweeper is None:
        _sweeper = Sweeper(SystemClock())
    _sweeper.sweep()
