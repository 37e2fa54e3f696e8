# SPDX-License-Identifier: GPL-3.0-or-later
"""Do what is due; any number of processes may look for it beside each other."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Protocol, cast

import structlog
from django.db import transaction
from django.db.models import Min, QuerySet

from debusine.db.models import Timer
from debusine.errors import NotFoundError
from debusine.util.discovery import load_all

# one that fails is tried again after this, so that it does not keep the others waiting
_AFTER_FAILURE = timedelta(minutes=1)
_BATCH = 100

log = structlog.get_logger(__name__)


class Kind(Protocol):
    """A module of :mod:`debusine.server.timers`."""

    def ring(self, timer: Timer, *, now: datetime) -> datetime | None:
        """Do what is due; return when it is due again, or None."""
        ...


def ring_timers(now: datetime) -> datetime | None:
    """
    Do what is due; one query if nothing is.

    :returns: when the next one is due, which may be over already; None if there is none
    """
    due_at = _earliest()
    if due_at is None or due_at > now:
        return due_at
    for timer in Timer.objects.filter(due_at__lte=now).order_by("due_at", "pk")[:_BATCH]:
        try:
            _ring(timer, now)
        except Exception:
            log.exception("timer-failed", kind=timer.kind, key=timer.key)
            _same(timer).update(due_at=now + _AFTER_FAILURE)
    return _earliest()


def _earliest() -> datetime | None:
    due_at: datetime | None = Timer.objects.aggregate(earliest=Min("due_at"))["earliest"]
    return due_at


@transaction.atomic
def _ring(timer: Timer, now: datetime) -> None:
    """Take the timer and do what it is for, both or neither."""
    # others wait here until we commit, and then find it gone
    if not _same(timer).delete()[0]:
        return
    again = _kind_of(timer).ring(timer, now=now)
    if again is not None:
        # somebody may have set it meanwhile, and knows better
        Timer.objects.get_or_create(
            kind=timer.kind, key=timer.key, defaults={"due_at": again, "data": timer.data}
        )


def _kind_of(timer: Timer) -> Kind:
    """
    Find what a timer is for.

    :raises NotFoundError: if this program does not know the kind
    """
    for module in load_all("debusine.server.timers"):
        if module.__name__.rpartition(".")[2] == timer.kind:
            return cast("Kind", module)
    raise NotFoundError(f"there is no kind of timers called {timer.kind}")


def _same(timer: Timer) -> QuerySet[Timer]:
    """The row, unless somebody took or moved it."""
    return Timer.objects.filter(pk=timer.pk, due_at=timer.due_at)
