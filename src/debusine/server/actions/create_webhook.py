# SPDX-License-Identifier: GPL-3.0-or-later
"""Have an address outside told what happens in a workspace."""

from __future__ import annotations

import secrets
from datetime import datetime

from django.conf import settings
from django.db import IntegrityError, transaction

from debusine.db.models import Webhook, Workspace
from debusine.domain.event import EventKind
from debusine.domain.permission import Verb
from debusine.domain.webhook import NAME, SECRET_BYTES, make_secret, url_problem
from debusine.errors import ConflictError, UserError
from debusine.server.access import require
from debusine.server.action import action
from debusine.server.actor import Actor
from debusine.server.events import read_counter
from debusine.wire.webhook import WebhookCreate

TITLE = "Cannot create webhook"


@action
def create_webhook(
    actor: Actor, *, workspace: Workspace, wanted: WebhookCreate, now: datetime
) -> Webhook:
    """
    Make a webhook with a new secret; it gets what happens from now on.

    :raises PermissionDeniedError: unless an owner of the workspace asks
    :raises UserError: for names, addresses or kinds that cannot be used
    :raises ConflictError: if there is one of this name
    """
    require(actor, Verb.CONFIGURE, workspace)
    _check(wanted)
    try:
        with transaction.atomic():
            return Webhook.objects.create(
                workspace=workspace,
                name=wanted.name,
                url=wanted.url,
                kinds=wanted.kinds,
                secret=make_secret(secrets.token_bytes(SECRET_BYTES)),
                created_by=actor.require_user(),
                created_at=now,
                position=read_counter().last,
            )
    except IntegrityError as error:
        raise ConflictError(TITLE, details=f"There is a webhook {wanted.name}.") from error


def _check(wanted: WebhookCreate) -> None:
    """
    Check what can be checked without calling anybody.

    :raises UserError: if something is wrong
    """
    found: dict[str, list[str]] = {}
    if not NAME.fullmatch(wanted.name):
        found["name"] = ["must be ASCII letters, digits and +._-, and begin with one of the first"]
    problem = url_problem(wanted.url, allowed=settings.DEBUSINE.webhook_networks)
    if problem is not None:
        found["url"] = [problem]
    unknown = sorted(set(wanted.kinds) - set(EventKind))
    if unknown:
        found["kinds"] = [f"unknown: {', '.join(unknown)}; known are {', '.join(EventKind)}"]
    if found:
        lines = [f"{field}: {text}" for field, texts in found.items() for text in texts]
        raise UserError(TITLE, details="\n".join(lines), validation_errors=found)
