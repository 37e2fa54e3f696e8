# SPDX-License-Identifier: GPL-3.0-or-later
"""
Turns of webhooks: one holder at a time sends what is due, then says what came of it.

A webhook is a queue of its own, so that one that hangs holds up none. Whoever dies in his
turn loses it after a while; what he has sent is sent again, with the same id.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import structlog
from django.db import transaction
from django.db.models import Min, Q

from debusine.db.models import Webhook, WebhookDelivery
from debusine.db.models.delivery import Delivery
from debusine.domain.delivery import next_try, why_disable
from debusine.domain.webhook import TEST_KIND
from debusine.server.views.event import view_event
from debusine.server.webhook_http import Message, Outcome
from debusine.wire.base import to_wire_time
from debusine.wire.event import Event
from debusine.wire.webhook import WebhookMessage

# longer than a turn can take
TURN = timedelta(minutes=2)
WEBHOOKS = 16
DELIVERIES = 8
_MAX_HISTORY = 50

log = structlog.get_logger(__name__)


def begin_turns(now: datetime) -> list[WebhookDelivery]:
    """
    Take some webhooks for which something is due; one query if there is none.

    :returns: deliveries that are due, with webhook and event loaded
    """
    free = Q(leased_until=None) | Q(leased_until__lte=now)
    due = Webhook.objects.filter(free, due_at__lte=now)
    found: list[WebhookDelivery] = []
    for pk in list(due.order_by("due_at").values_list("pk", flat=True)[:WEBHOOKS]):
        if not due.filter(pk=pk).update(leased_until=now + TURN):
            continue
        mine = WebhookDelivery.objects.filter(webhook=pk, due_at__lte=now).order_by("due_at", "pk")
        some = list(mine.select_related("webhook", "event__workspace__scope")[:DELIVERIES])
        if not some:
            _end_turn(pk)
        found += some
    return found


def message_of(delivery: WebhookDelivery) -> Message:
    """What is to be sent; the same each time."""
    return Message(
        delivery=delivery.pk,
        webhook=delivery.webhook_id,
        url=delivery.webhook.url,
        secret=delivery.webhook.secret,
        body=_body(delivery).model_dump_json().encode(),
    )


def _body(delivery: WebhookDelivery) -> WebhookMessage:
    if delivery.event is None:
        data = {"webhook": delivery.webhook.name}
        return WebhookMessage(type=TEST_KIND, timestamp=delivery.created_at, data=data)
    event: Event = view_event(delivery.event)
    facts = event.model_dump(mode="json", exclude={"kind", "created_at"})
    return WebhookMessage(type=event.kind, timestamp=event.created_at, data=facts)


def end_turns(
    deliveries: Sequence[WebhookDelivery], outcomes: Sequence[Outcome], *, now: datetime
) -> None:
    """Write down what came of it, and let others have the webhooks."""
    by_webhook: dict[int, list[tuple[WebhookDelivery, Outcome]]] = {}
    for delivery, outcome in zip(deliveries, outcomes, strict=True):
        by_webhook.setdefault(delivery.webhook_id, []).append((delivery, outcome))
    for pairs in by_webhook.values():
        _settle(pairs, now=now)


@transaction.atomic
def _settle(pairs: list[tuple[WebhookDelivery, Outcome]], *, now: datetime) -> None:
    webhook = Webhook.objects.select_for_update().filter(pk=pairs[0][0].webhook_id).first()
    if webhook is None:
        return
    for delivery, outcome in pairs:
        delivery.status = outcome.status
        facts = {"status": outcome.status, "duration_s": outcome.duration_s}
        note_try(delivery, error=outcome.error, now=now, **facts)
        delivery.save(
            update_fields=["status", "tries", "due_at", "delivered_at", "error", "history"]
        )
    failed = [outcome for _, outcome in pairs if outcome.error]
    if len(failed) < len(pairs):
        webhook.failing_since = None
    elif webhook.failing_since is None:
        webhook.failing_since = now
    for reason in _reasons(webhook, failed, now):
        disable(webhook, reason=reason)
        log.warning("webhook-disabled", webhook=webhook.pk, url=webhook.url, reason=reason)
        break
    _end_turn(webhook.pk, failing_since=webhook.failing_since)


def note_try(delivery: Delivery, *, error: str, now: datetime, **facts: float | None) -> None:
    """Note what came of a try, and when there is to be another; for the caller to save."""
    delivery.tries += 1
    delivery.error = error
    known = {key: value for key, value in facts.items() if value is not None}
    entry = {"at": to_wire_time(now), "error": error, **known}
    delivery.history = [*delivery.history, entry][-_MAX_HISTORY:]
    delivery.due_at = next_try(delivery.tries, now=now) if error else None
    delivery.delivered_at = delivery.delivered_at if error else now


def _reasons(webhook: Webhook, failed: list[Outcome], now: datetime) -> Iterator[str]:
    """Why a webhook is to get nothing more."""
    for outcome in failed:
        since = webhook.failing_since or now
        reason = why_disable(outcome.status, failing_since=since, now=now)
        if reason is not None:
            yield reason


def disable(webhook: Webhook, *, reason: str) -> None:
    """Let a webhook get nothing more; what was due can be replayed later. Within a transaction."""
    webhook.enabled, webhook.disabled_reason = False, reason[:255]
    webhook.save(update_fields=["enabled", "disabled_reason"])
    waiting = WebhookDelivery.objects.filter(webhook=webhook, due_at__isnull=False)
    waiting.update(due_at=None, error="the webhook was disabled")


@transaction.atomic
def _end_turn(webhook: int, **facts: datetime | None) -> None:
    """Let others have it, when something is due again."""
    # whoever adds a delivery writes this row after it, so that either of us sees the other
    Webhook.objects.select_for_update().filter(pk=webhook).first()
    waiting = WebhookDelivery.objects.filter(webhook=webhook, due_at__isnull=False)
    due_at = waiting.aggregate(first=Min("due_at"))["first"]
    Webhook.objects.filter(pk=webhook).update(leased_until=None, due_at=due_at, **facts)
