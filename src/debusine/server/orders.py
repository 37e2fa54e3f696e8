# SPDX-License-Identifier: GPL-3.0-or-later
"""What a worker that is connected has to know of itself."""

from __future__ import annotations

from dataclasses import dataclass

from debusine import __version__
from debusine.db.models import Worker
from debusine.domain.program_version import explain_apart, work_together
from debusine.server.actor import Actor


@dataclass(frozen=True, kw_only=True, slots=True)
class Orders:
    """
    What administrators want of a worker.

    :param drain_reason: why it gets nothing new; None if it does
    """

    is_enabled: bool
    drain_reason: str | None = None


def read_orders(actor: Actor) -> Orders:
    """Read what is wanted of the worker that asks; one query."""
    row = (
        Worker.objects.filter(pk=actor.require_worker().pk, token__enabled=True)
        .values_list("drained_at", "drain_reason")
        .first()
    )
    if row is None:
        return Orders(is_enabled=False)
    drained_at, reason = row
    return Orders(is_enabled=True, drain_reason=None if drained_at is None else reason)


def note_version(actor: Actor, *, version: str) -> str | None:
    """
    Remember which version the program of a worker is.

    :returns: why it cannot work with this server, for people; None if it can
    """
    worker = actor.require_worker()
    worker.version = version[:100]
    worker.save(update_fields=["version"])
    return explain_apart(worker.version, __version__)


def takes_work(worker: Worker) -> bool:
    """Whether a worker is to be given anything; no query."""
    return worker.drained_at is None and work_together(worker.version, __version__)
