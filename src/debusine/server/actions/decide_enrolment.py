# SPDX-License-Identifier: GPL-3.0-or-later
"""Let a client in that waits, or send it away."""

from __future__ import annotations

from django.db.models import QuerySet

from debusine.db.models import Enrolment
from debusine.errors import ConflictError, NotFoundError
from debusine.server import wake
from debusine.server.action import action
from debusine.server.actor import Actor
from debusine.wire.enrolment import EnrolmentOutcome


def find_enrolment(actor: Actor, nonce: str) -> Enrolment:
    """
    A client that waits for a decision.

    :raises PermissionDeniedError: unless a person asks
    :raises NotFoundError: if none with this nonce waits
    """
    actor.require_user()
    found = _undecided(nonce).first()
    if found is None:
        raise NotFoundError(
            "No client waits here",
            details="It has its answer already, or went away.",
            resolution="Start it again, and follow the address that it shows then.",
        )
    return found


@action
def decide_enrolment(actor: Actor, *, enrolment: Enrolment, outcome: EnrolmentOutcome) -> None:
    """
    Decide for a client; it is told after the commit.

    :raises PermissionDeniedError: unless a person asks
    :raises ConflictError: if somebody else was faster
    """
    user = actor.require_user()
    decided = _undecided(enrolment.nonce).update(outcome=outcome.value, user=user)
    if not decided:
        raise ConflictError("This client has its answer already")
    group = wake.enrolment_group(enrolment.pk)
    wake.wake_on_commit(group, {"type": "enrolment.decided"})


def _undecided(nonce: str) -> QuerySet[Enrolment]:
    return Enrolment.objects.filter(nonce=nonce, outcome="")
