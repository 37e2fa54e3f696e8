# SPDX-License-Identifier: GPL-3.0-or-later
"""
Timers: set them, cancel them.

What is done when one is due stands in the module of :mod:`debusine.server.timers` that
has the name of its kind; :mod:`debusine.server.jobs.timers` does it.
"""

from __future__ import annotations

import threading
from datetime import datetime
from typing import Any

from django.db import transaction

from debusine.db.models import Timer

CHANGED = threading.Event()
"""Set when a timer may be due earlier than whoever waits for timers believes."""


def set_timer(
    kind: str, key: object, due_at: datetime, *, data: dict[str, Any] | None = None
) -> None:
    """
    Have something done at a time or a little later, once the transaction is committed.

    :param kind: name of a module of :mod:`debusine.server.timers`
    :param key: what it is done to; an earlier timer of this kind and key is moved
    :param data: what the module needs to know
    """
    Timer.objects.update_or_create(
        kind=kind, key=str(key), defaults={"due_at": due_at, "data": data or {}}
    )
    transaction.on_commit(CHANGED.set)


def cancel_timer(kind: str, key: object) -> bool:
    """
    Have something not done after all.

    :returns: False if there is no such timer, which may have been due already
    """
    return bool(Timer.objects.filter(kind=kind, key=str(key)).delete()[0])
