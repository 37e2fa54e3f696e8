# SPDX-License-Identifier: GPL-3.0-or-later
"""Make up for wake-ups that were lost."""

from __future__ import annotations

from datetime import datetime

from debusine.db.models import Worker
from debusine.domain.resources import NOTHING, Room
from debusine.server import idle_workers, scheduler, this_process
from debusine.server.reservation import HELD, held_of, offer_of
from debusine.server.worker_tags import capability

# as many of a kind are looked at in each round, others each time
_AT_MOST = 50


def wake_idle(now: datetime) -> int:
    """
    Tell idle workers that something waits for them, in case they were not told.

    :returns: how many were told
    """
    woken = 0
    for kind in idle_workers.connected_kinds():
        if scheduler.head_of_queue(kind.able) is None:
            continue
        found = dict(idle_workers.idle_of(kind, NOTHING, _AT_MOST))
        for worker in Worker.objects.filter(pk__in=found).annotate(**HELD):
            room = Room(offer=offer_of(worker), taken=held_of(worker))
            if scheduler.next_for(worker, capability(worker), room, now=now):
                if not scheduler.wake_worker(worker.pk, worker.worker_type):
                    this_process.run_without_message(worker.pk)
                woken += 1
    return woken
