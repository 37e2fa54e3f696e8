# SPDX-License-Identifier: GPL-3.0-or-later
"""Workers as administrators see them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict

from debusine import __version__
from debusine.db.models import Attempt, Worker
from debusine.domain.program_version import explain_apart
from debusine.domain.resources import Room
from debusine.domain.worker_state import WorkerFacts
from debusine.errors import NotFoundError
from debusine.server.reservation import MEASURES, amount, offer_of
from debusine.wire.worker_care import Amounts, WorkerRecord


def find_worker(name: str) -> Worker:
    """
    Look a worker up, with its token; one query.

    :raises NotFoundError: if there is none
    """
    found = Worker.objects.select_related("token").filter(name=name).first()
    if found is None:
        raise NotFoundError("Worker not found", details=f"There is no worker {name}")
    return found


def list_workers() -> list[WorkerRecord]:
    """Show all workers by name; two queries."""
    return view_workers(Worker.objects.select_related("token").order_by("name"))


def view_workers(workers: Iterable[Worker]) -> list[WorkerRecord]:
    """
    Show some workers; one query.

    :param workers: with their tokens loaded
    """
    rows = list(workers)
    held: dict[int, list[Attempt]] = defaultdict(list)
    running = Attempt.objects.filter(worker__in=[row.pk for row in rows], ended_at=None)
    for attempt in running.order_by("pk"):
        held[attempt.worker_id or 0].append(attempt)
    return [_view(row, held[row.pk]) for row in rows]


def _view(worker: Worker, held: list[Attempt]) -> WorkerRecord:
    facts = WorkerFacts(
        enabled=worker.token is not None and worker.token.enabled,
        connected=worker.connected_at is not None,
        drained=worker.drained_at is not None,
        held=len(held),
        slots=worker.concurrency,
    )
    reported = worker.dynamic_metadata.get("system:worker_version")
    return WorkerRecord(
        name=worker.name,
        worker_type=worker.worker_type,
        state=facts.state,
        version=worker.version or (reported if isinstance(reported, str) else ""),
        problem=explain_apart(worker.version, __version__),
        registered_at=worker.registered_at,
        connected_at=worker.connected_at,
        disconnected_at=worker.disconnected_at,
        drained_at=worker.drained_at,
        drain_reason=worker.drain_reason,
        slots=worker.concurrency,
        offered=Amounts(**{name: getattr(worker, name) for name in MEASURES}),
        reserved=Amounts(**asdict(Room.left(offer_of(worker), map(amount, held)).taken)),
        running=[attempt.work_request_id for attempt in held],
    )
