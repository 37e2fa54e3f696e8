# SPDX-License-Identifier: GPL-3.0-or-later
"""Take what a worker says about itself."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any

from django.db import transaction

from debusine.server import job_queue, scheduler
from debusine.server.action import action
from debusine.server.actor import Actor
from debusine.server.worker_tags import TAG_FIELDS, retag


@action
def update_worker_metadata(actor: Actor, *, metadata: dict[str, Any], now: datetime) -> None:
    """
    Store a worker's metadata, compute its tags, and tell it to look for work.

    :param metadata: as sent; :mod:`debusine.domain.worker_tags` judges what may count
    :raises PermissionDeniedError: unless a worker asks
    """
    worker = actor.require_worker()
    worker.dynamic_metadata = metadata
    worker.dynamic_metadata_updated_at = now
    requires_else = retag(worker)
    worker.save(update_fields=["dynamic_metadata", "dynamic_metadata_updated_at", *TAG_FIELDS])
    if requires_else:
        job_queue.send_on_commit("reintern")
    transaction.on_commit(partial(scheduler.wake_worker, worker.pk))
