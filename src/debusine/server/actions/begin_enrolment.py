# SPDX-License-Identifier: GPL-3.0-or-later
"""Have a client wait until somebody lets it in."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import IntegrityError, transaction

from debusine.db.models import Enrolment
from debusine.errors import ConflictError, UserError
from debusine.server.action import action
from debusine.server.actor import Actor
from debusine.wire.enrolment import EnrolmentRequest

TITLE = "Cannot enrol client"
# who has not been let in by then has to ask again
PATIENCE = timedelta(hours=1)
# each holds a connection
MAX_WAITING = 100


@action
def begin_enrolment(
    actor: Actor,  # noqa: ARG001  anybody may ask
    *,
    wanted: EnrolmentRequest,
    now: datetime,
) -> Enrolment:
    """
    Note that a client waits.

    As anybody may ask, so many wait at most; what a server left behind that was killed counts
    no longer than a client waits.

    :raises UserError: if its nonce is in use
    :raises ConflictError: if too many wait
    """
    if Enrolment.objects.filter(created_at__gt=now - PATIENCE).count() >= MAX_WAITING:
        raise ConflictError(
            TITLE,
            details=f"{MAX_WAITING} clients wait already.",
            resolution="Try again later, or ask the administrator of the server for a token.",
        )
    try:
        with transaction.atomic():
            return Enrolment.objects.create(**wanted.model_dump(), created_at=now)
    except IntegrityError as error:
        problem = {"nonce": ["is in use"]}
        raise UserError(TITLE, validation_errors=problem) from error
