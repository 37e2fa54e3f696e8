# SPDX-License-Identifier: GPL-3.0-or-later
"""
The outbox: what happened is written in the transaction in which it did.

Transactions are not committed in the order in which they write. So an event gets its
position, by which readers resume, only once it is committed, from whoever holds the lock
of the one counter; that one commits before the next begins. A reader that has seen a
position has seen all before it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import Min

from debusine.db.models import (
    Event,
    EventCounter,
    EventReader,
    Webhook,
    WebhookDelivery,
    WorkRequest,
)
from debusine.db.prepared import Prepared, PreparedValues
from debusine.db.prepared_change import PreparedInsert
from debusine.db.queries import named_query
from debusine.domain.event import EventKind
from debusine.server import job_queue, wake
from debusine.server.event_reactions import notifications_of

BATCH = 500
DELIVER = "deliver"
_THE_ONE = 1
_NEW = PreparedValues(lambda: Event.objects.filter(position=None).values_list("pk")[:1])
_HOOKED = PreparedValues(
    lambda: Webhook.objects.filter(enabled=True).values_list("workspace_id").distinct()
)
_INSERT = PreparedInsert(Event)
_COUNTER = Prepared(lambda: EventCounter.objects.filter(pk=_THE_ONE))


def record(request: WorkRequest, kind: EventKind, *, at: datetime, **more: Any) -> None:
    """
    Write what happened to a request; one statement, within the transaction in which it does.

    :param request: as it is now
    :param more: what there is to say beside: plain JSON
    """
    facts = {
        "task_type": request.task_type,
        "task_name": request.task_name,
        "status": request.status,
        "result": request.result,
        "blame": request.blame,
    }
    _INSERT.save(
        Event(
            kind=kind.value,
            workspace_id=request.workspace_id,
            work_request_id=request.pk,
            created_at=at,
            data={key: value for key, value in facts.items() if value} | more,
        )
    )
    # what fails here the next sweep mends
    transaction.on_commit(_number_all, robust=True)
    if kind is EventKind.COMPLETED and notifications_of(request.event_reactions, request.result):
        # who delivers reads what has a number, so this comes after it
        job_queue.send_on_commit(DELIVER)


def number_events(*, batch: int = BATCH) -> int:
    """
    Give positions to the events that have none, and wake who listens; any number may run at once.

    One query if there are none, five statements otherwise, however many events there are.
    Whoever delivers is told at once if there is a webhook that may want them.

    :returns: how many got one
    """
    return _number_all(batch=batch) if _NEW.all() else 0


def _number_all(*, batch: int = BATCH) -> int:
    """Number events, of which there is one at least, unless somebody else was faster."""
    numbered = 0
    while True:
        workspaces = _number(batch)
        if not workspaces:
            return numbered
        numbered += len(workspaces)
        message = {"type": "events.new", "workspaces": sorted(set(workspaces))}
        wake.wake_on_commit(wake.EVENTS, message)
        if any(workspace in workspaces for (workspace,) in _HOOKED.all()):
            job_queue.send_on_commit(DELIVER)
        if len(workspaces) < batch:
            return numbered


@transaction.atomic
def _number(batch: int) -> list[int]:
    """Number some; the workspaces in which they happened."""
    last = _lock_counter()
    with connection.cursor() as cursor:
        cursor.execute(named_query("number_events_v1"), [last, batch])
        workspaces = [workspace for (workspace,) in cursor.fetchall()]
        cursor.execute(named_query("advance_event_counter_v1"), [len(workspaces)])
    return workspaces


def _lock_counter() -> int:
    """
    Wait for the counter; the end of the transaction lets go of it.

    :returns: the last position that was given
    """
    with connection.cursor() as cursor:
        cursor.execute(named_query("lock_event_counter_v1"))
        found = cursor.fetchone()
    if found is None:
        EventCounter.objects.get_or_create(pk=_THE_ONE)
        return _lock_counter()
    return int(found[0])


def read_counter() -> EventCounter:
    """Which positions there are; one query."""
    return _COUNTER.first() or EventCounter()


@transaction.atomic
def remove_old(*, before: datetime, batch: int = BATCH) -> int:
    """
    Forget events that are older than anybody was promised, oldest first.

    What readers of our own have not read, or is still to be delivered, stays, and all
    that came after it.

    :returns: how many there were; call again unless it is 0
    """
    _lock_counter()
    counter = read_counter()
    known = Event.objects.filter(position__gt=counter.removed).order_by("position")
    border = _first_needed()
    old: list[int] = []
    for pk, position, at in known.values_list("pk", "position", "created_at")[:batch]:
        if at >= before or position is None or (border is not None and position >= border):
            break
        old.append(pk)
        counter.removed = position
    if old:
        Event.objects.filter(pk__in=old).delete()
        EventCounter.objects.filter(pk=_THE_ONE).update(removed=counter.removed)
    return len(old)


def _first_needed() -> int | None:
    """The first position that somebody of our own still needs."""
    waiting = WebhookDelivery.objects.filter(due_at__isnull=False)
    readers = EventReader.objects.aggregate(first=Min("position"))["first"]
    found = [waiting.aggregate(first=Min("event__position"))["first"]]
    found.append(None if readers is None else readers + 1)
    return min((position for position in found if position is not None), default=None)
