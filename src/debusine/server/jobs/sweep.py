# SPDX-License-Identifier: GPL-3.0-or-later
"""Look after what no message wakes: lapsed leases, lost wake-ups, events, abandoned uploads."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db.models import Count, Q, Sum
from django.db.models.functions import Coalesce

from debusine.db.models import Attempt, Worker
from debusine.domain.resources import Resources, Room
from debusine.server import events, scheduler
from debusine.server.actions.requeue_work_request import requeue_work_request
from debusine.server.actor import SYSTEM
from debusine.server.jobs.abandoned import remove_abandoned
from debusine.server.jobs.oversize import cut_to_size
from debusine.server.reservation import offer_of
from debusine.server.retry import make_due_claimable
from debusine.server.worker_tags import capability
from debusine.util.clock import Clock, SystemClock

# idle workers that fit something that waits are woken this often; a wake-up is rarely lost
_WAKE_EVERY_S = 10.0
_UPLOADS_EVERY_S = 600.0
_EVENTS_EVERY_S = 600.0


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
        self._uploads_at = self._started
        self._events_at = self._started

    def sweep(self) -> None:
        """Do one round."""
        now = self._clock.now()
        moment = self._clock.monotonic()
        if moment - self._started >= settings.DEBUSINE.lease.total_seconds():
            requeue_lapsed(now)
        events.number_events()
        if moment - self._woke_at >= _WAKE_EVERY_S:
            self._woke_at = moment
            make_due_claimable(now)
            cut_to_size(now)
            wake_idle(now)
        if moment >= self._uploads_at and not sweep_uploads(now):
            self._uploads_at = moment + _UPLOADS_EVERY_S
        if moment >= self._events_at and not remove_old_events(now):
            self._events_at = moment + _EVENTS_EVERY_S


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


def wake_idle(now: datetime) -> int:
    """
    Tell idle workers that something waits for them, in case they were not told.

    :returns: how many were told
    """
    woken = 0
    held = Q(attempts__ended_at=None)
    idle = Worker.objects.filter(
        connected_at__isnull=False, token__enabled=True, drained_at=None
    ).annotate(
        busy=Count("attempts", filter=held),
        memory=Coalesce(Sum("attempts__memory_mib", filter=held), 0),
        disk=Coalesce(Sum("attempts__disk_mib", filter=held), 0),
        cpus=Coalesce(Sum("attempts__cpu_count", filter=held), 0),
    )
    for worker in idle:
        room = Room(
            offer=offer_of(worker),
            taken=Resources(memory_mib=worker.memory, disk_mib=worker.disk, cpu_count=worker.cpus),
        )
        if worker.busy < worker.concurrency and scheduler.next_for(
            worker, capability(worker), room, now=now
        ):
            scheduler.wake_worker(worker.pk)
            woken += 1
    return woken


def sweep_uploads(now: datetime) -> int:
    """
    Remove a part of what nobody goes on uploading.

    :returns: how much was done; 0 if nothing is left
    """
    server = settings.DEBUSINE
    return remove_abandoned(
        server.upload_dir,
        before=now - server.upload_max_idle,
        writing=server.store_dir / "tmp",
    )


def remove_old_events(now: datetime) -> int:
    """
    Forget a part of the events that nobody was promised any longer.

    :returns: how many there were; 0 if none is left
    """
    return events.remove_old(before=now - settings.DEBUSINE.event_max_age)


_sweeper: Sweeper | None = None


def sweep() -> None:
    """Do one round in this process."""
    global _sweeper  # noqa: PLW0603  remembers when the process started
    if _sweeper is None:
        _sweeper = Sweeper(SystemClock())
        # the setting that chooses between tags and metadata may be another than last time
        scheduler.reintern_pending()
    _sweeper.sweep()
