# SPDX-License-Identifier: GPL-3.0-or-later
"""Look after what no message wakes: lapsed leases, lost wake-ups and messages, events."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings

from debusine.db.models import Attempt, Worker, WorkerType
from debusine.server import events, job_queue
from debusine.server.actions.requeue_work_request import requeue_work_request
from debusine.server.actor import SYSTEM
from debusine.server.jobs import complete, deliver, expire
from debusine.server.jobs.oversize import cut_to_size
from debusine.server.jobs.reintern import reintern_some
from debusine.server.jobs.wake_idle import wake_idle
from debusine.server.retry import make_due_claimable
from debusine.util.clock import Clock

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
        self._is_first = True

    def sweep(self) -> None:
        """Do one round."""
        now = self._clock.now()
        moment = self._clock.monotonic()
        if self._is_first:
            # settings, or the program, may be others than last time
            self._is_first = False
            expire.schedule(now)
            reintern_some()
        if moment - self._started >= settings.DEBUSINE.lease.total_seconds():
            requeue_lapsed(now)
        events.number_events()
        if deliver.is_due(now):
            job_queue.send("deliver", queue=deliver.QUEUE)
        if moment - self._woke_at >= _WAKE_EVERY_S:
            self._woke_at = moment
            make_due_claimable(now)
            complete.release_settled(now)
            reintern_some()
            forget_silent(now)
            cut_to_size(now)
            wake_idle(now)


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


def forget_silent(now: datetime) -> int:
    """
    Take processes that ran tasks of the server, and died, for disconnected; one statement.

    :returns: how many there were
    """
    return Worker.objects.filter(
        worker_type=WorkerType.CELERY.value,
        connected_at__isnull=False,
        dynamic_metadata_updated_at__lt=now - 2 * settings.DEBUSINE.lease,
    ).update(connected_at=None, disconnected_at=now)
