# SPDX-License-Identifier: GPL-3.0-or-later
"""Switch a webhook on or off, or remove it."""

from __future__ import annotations

from debusine.db.models import Webhook
from debusine.domain.permission import Verb
from debusine.server.access import require
from debusine.server.action import action
from debusine.server.actor import Actor
from debusine.server.webhook_turn import disable


@action
def enable_webhook(actor: Actor, *, webhook: Webhook, enabled: bool, reason: str = "") -> None:
    """
    Let a webhook get events, or no more; what it missed has to be replayed.

    :param webhook: with workspace and scope loaded
    :param reason: why not
    :raises PermissionDeniedError: unless an owner of the workspace asks
    """
    require(actor, Verb.CONFIGURE, webhook.workspace)
    locked = Webhook.objects.select_for_update().get(pk=webhook.pk)
    if not enabled:
        disable(locked, reason=reason or f"switched off by {actor.label}")
    else:
        locked.enabled, locked.disabled_reason, locked.failing_since = True, "", None
        locked.save(update_fields=["enabled", "disabled_reason", "failing_since"])
    webhook.refresh_from_db()


@action
def delete_webhook(actor: Actor, *, webhook: Webhook) -> None:
    """
    Remove a webhook and what it was sent.

    :param webhook: with workspace and scope loaded
    :raises PermissionDeniedError: unless an owner of the workspace asks
    """
    require(actor, Verb.CONFIGURE, webhook.workspace)
    webhook.delete()
