# SPDX-License-Identifier: GPL-3.0-or-later
"""Have a client wait until somebody lets it in."""

from __future__ import annotations

from datetime import datetime

from django.db import IntegrityError, transaction

from debusine.db.models import Enrolment
from debusine.errors import UserError
from debusine.server.action import action
from debusine.server.actor import Actor
from debusine.wire.enrolment import EnrolmentRequest


@action
def begin_enrolment(
    actor: Actor,  # noqa: ARG001  anybody may ask
    *,
    wanted: EnrolmentRequest,
    now: datetime,
) -> Enrolment:
    """
    Note that a client waits.

    :raises UserError: if its nonce is in use
    """
    try:
        with transaction.atomic():
            return Enrolment.objects.create(**wanted.model_dump(), created_at=now)
    except IntegrityError as error:
        problem = {"nonce": ["is in use"]}
        raise UserError("Cannot enrol client", validation_errors=problem) from error
