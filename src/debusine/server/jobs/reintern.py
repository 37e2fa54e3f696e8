# SPDX-License-Identifier: GPL-3.0-or-later
"""Give pending requests signatures that follow from what workers require, and settings, now."""

from __future__ import annotations

from typing import Final

import structlog
from django.db import transaction

from debusine.db.models import QueueBasis
from debusine.server import scheduler
from debusine.server.job_queue import Queue

QUEUE: Final = Queue.BOOKKEEPING
BATCH = 500
_THE_ONE = 1

log = structlog.get_logger(__name__)


def run() -> None:
    """Do it, if what signatures depend on has changed since the last time."""
    while reintern_some():
        pass


def reintern_some() -> bool:
    """
    Do a part of it; two queries if nothing has changed.

    Any number may do so beside each other, and go on where somebody was killed.

    :returns: whether there may be more to do
    """
    basis = scheduler.basis_of_signatures()
    known = QueueBasis.objects.filter(pk=_THE_ONE).first()
    if known is None or known.basis != basis:
        log.info("queue-basis-changed", **basis)
        QueueBasis.objects.update_or_create(pk=_THE_ONE, defaults={"basis": basis, "position": 0})
        return True
    if known.position is None:
        return False
    with transaction.atomic():
        last = scheduler.reintern_pending(after=known.position, limit=BATCH)
        # somebody else may have changed the basis, and begun from the beginning
        QueueBasis.objects.filter(pk=_THE_ONE, position=known.position).update(position=last)
    return True
