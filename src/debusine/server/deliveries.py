# SPDX-License-Identifier: GPL-3.0-or-later
"""The reader of events that notes what is to be delivered to whom."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import Q

from debusine.db.models import (
    Event,
    EventReader,
    Notification,
    Webhook,
    WebhookDelivery,
    WorkRequest,
)
from debusine.domain.event import EventKind
from debusine.server.event_reactions import notifications_of
from debusine.server.events import read_counter

READER = "deliveries"
BATCH = 200


@transaction.atomic
def note_deliveries(now: datetime, *, batch: int = BATCH) -> int:
    """
    Note what the next events bring; any number may run beside each other.

    :returns: how many events were read; call again unless it is 0
    """
    EventReader.objects.get_or_create(name=READER)
    reader = EventReader.objects.select_for_update().get(name=READER)
    # positions are committed in order, so that none can come between those that are read
    end = read_counter().last
    fresh = Event.objects.filter(position__gt=reader.position, position__lte=end)
    events = list(fresh.order_by("position")[:batch])
    if not events:
        return 0
    note_for_webhooks(_enabled(events), events, now=now)
    Notification.objects.bulk_create(_notifications(events, now), ignore_conflicts=True)
    reader.position = events[-1].position or reader.position
    reader.save(update_fields=["position"])
    return len(events)


def _enabled(events: Sequence[Event]) -> list[Webhook]:
    workspaces = {event.workspace_id for event in events}
    return list(Webhook.objects.filter(workspace__in=workspaces, enabled=True))


def note_for_webhooks(
    webhooks: Sequence[Webhook], events: Sequence[Event], *, now: datetime
) -> int:
    """
    Note which events are to be sent to which webhooks, unless that was done before.

    :returns: how many deliveries there are
    """
    found = [
        WebhookDelivery(webhook=webhook, event=event, created_at=now, due_at=now)
        for webhook in webhooks
        for event in events
        if wants(webhook, event)
    ]
    WebhookDelivery.objects.bulk_create(found, ignore_conflicts=True)
    make_due({delivery.webhook_id for delivery in found}, now=now)
    return len(found)


def wants(webhook: Webhook, event: Event) -> bool:
    """Whether an event is for a webhook."""
    return (
        webhook.workspace_id == event.workspace_id
        and (event.position or 0) > webhook.position
        and (not webhook.kinds or event.kind in webhook.kinds)
    )


def make_due(webhooks: set[int], *, now: datetime) -> None:
    """Let the deliveries of webhooks be looked at now; within the transaction that adds some."""
    later = Q(due_at=None) | Q(due_at__gt=now)
    Webhook.objects.filter(later, pk__in=webhooks).update(due_at=now)


def _notifications(events: Sequence[Event], now: datetime) -> Iterator[Notification]:
    """What the reactions of requests that have ended want people to be told."""
    ended = [event for event in events if event.kind == EventKind.COMPLETED]
    rows = WorkRequest.objects.filter(pk__in={event.work_request_id for event in ended})
    by_request = dict(rows.values_list("pk", "event_reactions"))
    for event in ended:
        reactions = by_request.get(event.work_request_id or 0, {})
        wanted = notifications_of(reactions, event.data.get("result", ""))
        for number, action in enumerate(wanted):
            yield Notification(
                event=event,
                number=number,
                channel=action["channel"],
                data=action.get("data") or {},
                created_at=now,
                due_at=now,
            )
