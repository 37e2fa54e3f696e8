# SPDX-License-Identifier: GPL-3.0-or-later
"""A worker shows that it lives: its leases are renewed."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.conf import settings

from debusine.db.models import Attempt, Worker
from debusine.domain.resources import ONE_SLOT, Offer
from debusine.server.action import action
from debusine.server.actions.requeue_work_request import requeue_work_request
from debusine.server.actor import Actor
from debusine.server.reservation import OFFER_FIELDS, offer_of
from debusine.wire.worker import FEATURE_HEARTBEAT


def lease_end(worker: Worker, *, now: datetime) -> datetime:
    """
    Until when a worker that was heard of now may be silent.

    A worker that sends no heartbeat is heard of only while its socket is open; it
    gets the time of grace that a disconnect has.
    """
    if FEATURE_HEARTBEAT in worker.features:
        return now + settings.DEBUSINE.lease
    return now + settings.DEBUSINE.disconnect_grace


@action
def renew_lease(actor: Actor, *, running: Collection[int] | None, now: datetime) -> frozenset[int]:
    """
    Renew the leases of what a worker runs.

    :param running: work requests that it says it runs; None for all we know of
    :returns: those of ``running`` that it should not run any more
    :raises PermissionDeniedError: unless a worker asks
    """
    worker = actor.require_worker()
    known = Attempt.objects.filter(worker=worker, ended_at=None)
    if running is None:
        known.update(lease_until=lease_end(worker, now=now))
        return frozenset()
    wanted = set(running)
    ours = set(known.filter(work_request__in=wanted).values_list("work_request_id", flat=True))
    if ours:
        known.filter(work_request__in=ours).update(lease_until=lease_end(worker, now=now))
    return frozenset(wanted - ours)


def greet_worker(
    actor: Actor,
    *,
    features: list[str],
    running: Collection[int],
    now: datetime,
    offer: Offer = ONE_SLOT,
) -> frozenset[int]:
    """
    Take an agent's introduction: what it does not run, others may run at once.

    :param features: what the agent understands
    :param running: work requests that it runs
    :param offer: what it has for them
    :returns: those of ``running`` that it should not run any more
    :raises PermissionDeniedError: unless a worker asks
    """
    worker = actor.require_worker()
    if worker.features != features:
        worker.features = features
        worker.save(update_fields=["features"])
    if offer_of(worker) != offer:
        worker.concurrency = offer.slots
        worker.memory_mib = offer.memory_mib
        worker.disk_mib = offer.disk_mib
        worker.cpu_count = offer.cpu_count
        worker.save(update_fields=OFFER_FIELDS)
    lost = Attempt.objects.filter(worker=worker, ended_at=None).exclude(
        work_request__in=set(running)
    )
    for attempt in lost.order_by("pk"):
        requeue_work_request(actor, attempt=attempt, reason="the worker started anew", now=now)
    return renew_lease(actor, running=running, now=now)
