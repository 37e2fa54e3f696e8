# SPDX-License-Identifier: GPL-3.0-or-later
"""A process of the server takes a row of its own, under which it runs tasks."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import Q

from debusine import __version__
from debusine.db.models import Attempt, Token, TokenType, Worker, WorkerType
from debusine.domain.work_request import TaskTypes
from debusine.domain.worker_metadata import WORKER_TYPE
from debusine.server.action import action
from debusine.server.actions.requeue_work_request import requeue_work_request
from debusine.server.actor import SYSTEM, Actor, hash_key
from debusine.server.worker_tags import retag
from debusine.tasks import BaseExternalTask
from debusine.wire.worker import FEATURE_HEARTBEAT

_HOLDER = "server:holder"


@action
def register_server_worker(
    actor: Actor, *, name: str, slots: int, holder: str = "", now: datetime
) -> Worker:
    """
    Find or make the row of this process: one that nobody holds any more, or a new one.

    What its last holder left running waits again at once.

    :param name: of the row; if others hold it, a number is added
    :param slots: how many tasks the process runs at a time
    :param holder: names what can exist once only, such as a data directory that is locked;
        such a process takes back its row without waiting until it is given up
    """
    del actor
    silent = now - 2 * settings.DEBUSINE.lease
    free = Q(connected_at=None) | Q(dynamic_metadata_updated_at__lt=silent)
    if holder:
        free |= Q(**{f"dynamic_metadata__{_HOLDER}": holder})
    celery = Worker.objects.filter(worker_type=WorkerType.CELERY.value)
    number = 1
    while True:
        wanted = name if number == 1 else f"{name}-{number}"
        worker = celery.select_for_update(of=("self",)).filter(free, name=wanted).first()
        if worker is None and not Worker.objects.filter(name=wanted).exists():
            worker = _make(wanted, now)
        if worker is not None:
            return _take(worker, slots=slots, holder=holder, now=now)
        number += 1


def _make(name: str, now: datetime) -> Worker:
    # nobody knows its key: it is there to be disabled, like that of any other worker
    token = Token.objects.create(
        token_type=TokenType.WORKER,
        hash=hash_key(secrets.token_hex(32)),
        created_at=now,
        enabled=True,
        comment=f"tasks of the server, {name}"[:100],
    )
    return Worker(name=name, worker_type=WorkerType.CELERY.value, token=token, registered_at=now)


def _take(worker: Worker, *, slots: int, holder: str, now: datetime) -> Worker:
    worker.connected_at = now
    worker.concurrency = slots
    worker.version = __version__
    worker.dynamic_metadata = {**_metadata(), _HOLDER: holder}
    worker.dynamic_metadata_updated_at = now
    worker.features = [FEATURE_HEARTBEAT]
    retag(worker)
    worker.save()
    for attempt in Attempt.objects.filter(worker=worker, ended_at=None).order_by("pk"):
        requeue_work_request(SYSTEM, attempt=attempt, reason="the server started anew", now=now)
    return worker


def _metadata() -> dict[str, Any]:
    """What the tasks of the server say about who runs them."""
    metadata: dict[str, Any] = {WORKER_TYPE: WorkerType.CELERY.value}
    tags: set[str] = set()
    for task in BaseExternalTask.registry.all():
        if task.TASK_TYPE is TaskTypes.SERVER:
            metadata |= task.analyze_worker()
            tags |= task.get_provided_worker_tags()
    return {**metadata, "provided_tags": sorted(tags)}
