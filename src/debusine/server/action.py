# SPDX-License-Identifier: GPL-3.0-or-later
"""What every action has in common: an actor, one transaction, one line in the log."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, wraps
from typing import Concatenate, ParamSpec, TypeVar

import structlog
from django.db import transaction

from debusine.server.actor import Actor

P = ParamSpec("P")
R = TypeVar("R")

log = structlog.get_logger(__name__)


def action(
    function: Callable[Concatenate[Actor, P], R],
) -> Callable[Concatenate[Actor, P], R]:
    """
    Make a function an action: something that changes rows for somebody.

    The function takes the :class:`Actor` first, checks permission before anything
    else, and queues wake-ups with :func:`debusine.server.wake.wake_on_commit`. It runs
    in one transaction: if it raises, nothing has happened.
    """

    @wraps(function)
    def run(actor: Actor, /, *args: P.args, **kwargs: P.kwargs) -> R:
        with transaction.atomic():
            result = function(actor, *args, **kwargs)
            transaction.on_commit(partial(log.debug, function.__name__, actor=actor.label))
            return result

    return run
