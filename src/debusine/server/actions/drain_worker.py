# SPDX-License-Identifier: GPL-3.0-or-later
"""Let a worker finish what it runs, and give it nothing new."""

from __future__ import annotations

from datetime import datetime

from debusine.db.models import Worker
from debusine.server import wake
from debusine.server.access import require_administrator
from debusine.server.action import action
from debusine.server.actor import Actor


@action
def drain_worker(actor: Actor, *, worker: Worker, reason: str, now: datetime) -> None:
    """
    Give a worker nothing new until it is enabled again; its agent is told.

    :param reason: for people; that of one that is drained already is replaced
    :raises PermissionDeniedError: unless an administrator asks
    """
    require_administrator(actor, f"drain worker {worker.name}")
    worker.drained_at = worker.drained_at or now
    worker.drain_reason = reason
    worker.save(update_fields=["drained_at", "drain_reason"])
    wake.wake_on_commit(wake.worker_group(worker.pk), {"type": "worker.changed"})
