# SPDX-License-Identifier: GPL-3.0-or-later
"""Give a client what was decided, and forget that it waited."""

from __future__ import annotations

import secrets
from datetime import datetime

from debusine.db.models import Enrolment, Token, TokenType
from debusine.server.action import action
from debusine.server.actor import Actor, hash_key
from debusine.wire.enrolment import EnrolmentAnswer, EnrolmentOutcome

_COMMENT_LENGTH = 100


@action
def finish_enrolment(
    actor: Actor,  # noqa: ARG001  the connection on which the client waits
    *,
    enrolment: Enrolment,
    now: datetime,
) -> EnrolmentAnswer | None:
    """
    Answer a client that waits.

    :returns: None if nobody has decided yet; a row that is gone was sent away
    """
    rows = Enrolment.objects.select_for_update(of=("self",))
    row = rows.filter(pk=enrolment.pk).first()
    if row is None:
        return EnrolmentAnswer(outcome=EnrolmentOutcome.CANCEL)
    if not row.outcome:
        return None
    row.delete()
    if row.outcome != EnrolmentOutcome.CONFIRM:
        return EnrolmentAnswer(outcome=EnrolmentOutcome.CANCEL)
    key = secrets.token_hex(32)
    Token.objects.create(
        token_type=TokenType.USER,
        hash=hash_key(key),
        user=row.user,
        created_by=row.user,
        created_at=now,
        enabled=True,
        comment=f"enrolled from {row.hostname}"[:_COMMENT_LENGTH],
    )
    return EnrolmentAnswer(outcome=EnrolmentOutcome.CONFIRM, token=key)


@action
def forget_enrolment(
    actor: Actor,  # noqa: ARG001  the connection on which the client waited
    *,
    enrolment: Enrolment,
) -> None:
    """Forget a client that went away."""
    Enrolment.objects.filter(pk=enrolment.pk).delete()
