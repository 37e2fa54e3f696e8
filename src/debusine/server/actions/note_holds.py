# SPDX-License-Identifier: GPL-3.0-or-later
"""A worker says which environments it keeps."""

from __future__ import annotations

from datetime import datetime

from debusine.db.models import Hold, Terminal
from debusine.server.action import action
from debusine.server.actor import Actor
from debusine.wire.hold import Holds

_LOST = "the worker started anew, or lost it"


@action
def note_holds(actor: Actor, *, report: Holds, now: datetime) -> list[int]:
    """
    Bring what we know in line with what a worker says; it may say so any number of times.

    :returns: work requests whose environments it should not keep
    :raises PermissionDeniedError: unless a worker asks
    """
    worker = actor.require_worker()
    open_holds = Hold.objects.filter(ended_at=None)
    for ended in report.ended:
        rows = open_holds.filter(pk=ended.hold, work_request__attempts__worker=worker)
        _end(list(rows.values_list("pk", flat=True)), reason=ended.reason, now=now)
    unwanted = []
    kept = []
    for held in report.held:
        # distinct: a request may have had several attempts on the worker
        known = open_holds.filter(
            pk=held.hold,
            work_request=held.work_request_id,
            work_request__attempts__worker=worker,
        ).values_list("pk", flat=True)
        pk = known.first()
        if pk is None:
            unwanted.append(held.work_request_id)
            continue
        kept.append(pk)
        Hold.objects.filter(pk=pk).update(
            worker=worker, held_at=held.held_at, until=held.until, network=held.network
        )
    lost = open_holds.filter(worker=worker).exclude(pk__in=kept)
    _end(list(lost.values_list("pk", flat=True)), reason=_LOST, now=now)
    return unwanted


def _end(pks: list[int], *, reason: str, now: datetime) -> None:
    if pks:
        Hold.objects.filter(pk__in=pks).update(ended_at=now, reason=reason)
        Terminal.objects.filter(hold__in=pks, closed_at=None).update(
            closed_at=now, reason="the environment ended"
        )
