# SPDX-License-Identifier: GPL-3.0-or-later
"""Webhooks as owners of their workspace see them."""

from __future__ import annotations

from debusine.db.models import Webhook, WebhookDelivery, Workspace
from debusine.domain.permission import Verb
from debusine.domain.webhook import TEST_KIND
from debusine.errors import NotFoundError
from debusine.server.access import require
from debusine.server.actor import Actor
from debusine.wire import webhook as wire


def find_webhook(actor: Actor, workspace: Workspace, name: str) -> Webhook:
    """
    Look a webhook up; one query.

    :raises PermissionDeniedError: unless an owner of the workspace asks
    :raises NotFoundError: if there is none of this name
    """
    require(actor, Verb.CONFIGURE, workspace)
    rows = Webhook.objects.select_related("workspace__scope")
    found = rows.filter(workspace=workspace, name=name).first()
    if found is None:
        raise NotFoundError("Webhook not found", details=f"No webhook {name:.100} in {workspace}")
    return found


def view_webhook(row: Webhook, *, secret: str | None = None) -> wire.Webhook:
    """
    Make the record of a webhook.

    :param secret: for who has just created it
    """
    return wire.Webhook(
        name=row.name,
        url=row.url,
        kinds=row.kinds,
        enabled=row.enabled,
        disabled_reason=row.disabled_reason,
        failing_since=row.failing_since,
        created_at=row.created_at,
        secret=secret,
    )


def view_delivery(row: WebhookDelivery) -> wire.WebhookDelivery:
    """Make the record of a delivery; no query if its event is loaded."""
    return wire.WebhookDelivery(
        id=row.pk,
        cursor=None if row.event is None else str(row.event.position),
        kind=TEST_KIND if row.event is None else row.event.kind,
        created_at=row.created_at,
        tries=row.tries,
        due_at=row.due_at,
        delivered_at=row.delivered_at,
        error=row.error,
        history=[wire.WebhookTry.model_validate(entry) for entry in row.history],
    )
