# SPDX-License-Identifier: GPL-3.0-or-later
"""Send a webhook something again, or a test."""

from __future__ import annotations

from datetime import datetime

from debusine.db.models import Event, Webhook, WebhookDelivery
from debusine.domain.permission import MAX_ID, Verb
from debusine.errors import ConflictError, NotFoundError, UserError
from debusine.server import events, job_queue
from debusine.server.access import require
from debusine.server.action import action
from debusine.server.actor import Actor
from debusine.server.deliveries import make_due, note_for_webhooks
from debusine.server.views.event import position_of
from debusine.wire.webhook import WebhookReplay, WebhookReplayed

TITLE = "Cannot replay"
# events looked at in one call
_WINDOW = 1000


@action
def test_webhook(actor: Actor, *, webhook: Webhook, now: datetime) -> WebhookDelivery:
    """
    Send a message that is about nothing; the delivery says what comes of it.

    :param webhook: with workspace and scope loaded
    :raises PermissionDeniedError: unless an owner of the workspace asks
    :raises ConflictError: if it is disabled
    """
    _require(actor, webhook)
    made = WebhookDelivery.objects.create(webhook=webhook, created_at=now, due_at=now)
    make_due({webhook.pk}, now=now)
    job_queue.send_on_commit(events.DELIVER)
    return made


@action
def replay_webhook(
    actor: Actor, *, webhook: Webhook, wanted: WebhookReplay, now: datetime
) -> WebhookReplayed:
    """
    Send one message again, or those of all events after a cursor, delivered before or not.

    :param webhook: with workspace and scope loaded
    :raises PermissionDeniedError: unless an owner of the workspace asks
    :raises ConflictError: if it is disabled
    :raises NotFoundError: if there is no such delivery
    :raises UserError: unless one of the two is given
    """
    _require(actor, webhook)
    if (wanted.delivery is None) == (wanted.after is None):
        raise UserError(TITLE, details="Give either delivery or after.")
    if wanted.delivery is not None:
        mine = WebhookDelivery.objects.filter(webhook=webhook, pk=min(wanted.delivery, MAX_ID))
        if not mine.update(due_at=now, tries=0):
            raise NotFoundError(TITLE, details=f"There is no delivery {wanted.delivery}.")
        make_due({webhook.pk}, now=now)
        job_queue.send_on_commit(events.DELIVER)
        return WebhookReplayed(count=1)
    return _replay_after(webhook, position_of(wanted.after), now)


def _replay_after(webhook: Webhook, after: int, now: datetime) -> WebhookReplayed:
    """Let what happened after a position be due, as much as is looked at in one call."""
    last = events.read_counter().last
    end = min(last, after + _WINDOW)
    found = Event.objects.filter(
        workspace=webhook.workspace_id, position__gt=after, position__lte=end
    )
    # asked for, it may be older than the webhook
    webhook.position = 0
    count = note_for_webhooks([webhook], list(found), now=now)
    mine = WebhookDelivery.objects.filter(webhook=webhook, event__in=found)
    mine.update(due_at=now, tries=0)
    job_queue.send_on_commit(events.DELIVER)
    return WebhookReplayed(count=count, cursor=str(end), more=end < last)


def _require(actor: Actor, webhook: Webhook) -> None:
    """
    Check that something may be sent.

    :raises PermissionDeniedError: unless an owner of the workspace asks
    :raises ConflictError: if the webhook is disabled
    """
    require(actor, Verb.CONFIGURE, webhook.workspace)
    if not webhook.enabled:
        raise ConflictError(
            f"Webhook {webhook.name} is disabled",
            details=webhook.disabled_reason,
            resolution="Enable it first: debusine webhook enable NAME",
        )
