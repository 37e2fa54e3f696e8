# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers a worker's "what next?" and a request's "who could run this?"."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import Count, Max, Q

from debusine.db.models import Signature, Worker, WorkRequest
from debusine.db.queries import named_query
from debusine.domain.scheduling import (
    Capability,
    SignatureTags,
    missing_tags,
    signature_key,
    worker_kind,
)
from debusine.domain.work_request import WorkRequestStatus
from debusine.domain.worker_metadata import complete, merge
from debusine.server import wake

# SQLite joins at most 500 statements
_UNION_LIMIT = 400
# a lost wake-up costs one sweep, so not every idle worker of a farm needs to run for one request
_WAKE_AT_MOST = 8


@dataclass(kw_only=True, slots=True)
class _Cache:
    """Signatures as this process knows them, and which of them a capability fits."""

    version: tuple[int, int] = (0, 0)
    signatures: dict[int, SignatureTags] = field(default_factory=dict)
    compatible: dict[Capability, tuple[int, ...]] = field(default_factory=dict)


_cache = _Cache()


def forget() -> None:
    """Drop what is remembered; for tests, whose rows vanish."""
    global _cache  # noqa: PLW0603  one per process
    _cache = _Cache()


def tags_decide() -> bool:
    """Whether tags match requests with workers; otherwise the metadata of workers do."""
    decided: bool = settings.DEBUSINE.tag_based_scheduling
    return decided


def worker_metadata(worker: Worker) -> dict[str, Any]:
    """Everything that is said about a worker, completed from its tags where it says less."""
    merged = merge(worker.dynamic_metadata, worker.static_metadata)
    return complete(merged, worker.provided_tags)


def capability(worker: Worker) -> Capability:
    """What a worker can do, as far as the queue is concerned."""
    return Capability(
        provided=frozenset(worker.provided_tags),
        required=frozenset(worker.required_tags),
        kind=worker_kind(worker_metadata(worker)),
    )


def intern_signature(required: list[str], provided: list[str]) -> int:
    """
    Find or make the row of a pair of tag sets; one query unless it is new.

    Of the provided tags only those count that some worker requires, so that there
    stay few signatures although every package brings a tag of its own.

    :returns: id of the signature
    """
    wanted = {tag for tags in _required_by_workers() for tag in tags}
    counting = sorted(set(provided) & wanted)
    key = signature_key(required, counting)
    row, _ = Signature.objects.get_or_create(
        key=key,
        defaults={"required_tags": sorted(set(required)), "provided_tags": counting},
    )
    return row.pk


def signature_for(request: WorkRequest) -> int:
    """
    Find or make the signature of a request, from its tags.

    When metadata decide instead of tags, only the type of worker counts, and what
    refusals added.
    """
    required = request.scheduler_tags_required
    if not tags_decide():
        required = [tag for tag in required if tag.startswith("worker:type:")]
    return intern_signature(required, request.scheduler_tags_provided)


def _required_by_workers() -> list[list[str]]:
    """Distinct requirements of workers; most have none."""
    return list(
        Worker.objects.exclude(required_tags=[]).values_list("required_tags", flat=True).distinct()
    )


def reintern_pending() -> None:
    """Give every pending request its signature anew, after the requirements of workers changed."""
    pending = WorkRequest.objects.filter(status=WorkRequestStatus.PENDING.value).only(
        "pk", "scheduler_tags_required", "scheduler_tags_provided", "signature_id"
    )
    for request in pending.iterator(500):
        signature = signature_for(request)
        if signature != request.signature_id:
            WorkRequest.objects.filter(pk=request.pk).update(signature=signature)


def compatible_signatures(worker: Capability) -> tuple[int, ...]:
    """Ids of the signatures whose requests a worker can run; one query."""
    counted = Signature.objects.aggregate(count=Count("pk"), last=Max("pk"))
    version = (counted["count"], counted["last"] or 0)
    if version != _cache.version:
        rows = Signature.objects.values_list("pk", "required_tags", "provided_tags")
        _cache.signatures = {
            pk: SignatureTags(required=frozenset(required), provided=frozenset(provided))
            for pk, required, provided in rows
        }
        _cache.compatible = {}
        _cache.version = version
    found = _cache.compatible.get(worker)
    if found is None:
        found = tuple(
            pk for pk, tags in _cache.signatures.items() if not missing_tags(tags, worker)
        )
        _cache.compatible[worker] = found
    return found


def head_of_queue(worker: Capability) -> int | None:
    """
    The request that a worker should run next; two queries, however many wait.

    :returns: id of a pending work request, None if nothing fits
    """
    signatures = compatible_signatures(worker)
    heads: list[tuple[int, int]] = []
    arm = named_query("head_of_signature_v1")
    for start in range(0, len(signatures), _UNION_LIMIT):
        part = signatures[start : start + _UNION_LIMIT]
        statement = f"{' UNION ALL '.join([arm] * len(part))} ORDER BY place, id LIMIT 1"
        with connection.cursor() as cursor:
            cursor.execute(statement, part)
            heads += [(place, pk) for pk, place in cursor.fetchall()]
    return min(heads)[1] if heads else None


def wake_workers(signature_id: int) -> None:
    """Tell idle workers that fit a signature that there is work; one or two queries."""
    idle = (
        Worker.objects.filter(connected_at__isnull=False, token__enabled=True)
        .annotate(busy=Count("attempts", filter=Q(attempts__ended_at=None)))
        .order_by("?")
    )
    woken = 0
    for worker in idle:
        if worker.busy >= worker.concurrency:
            continue
        if signature_id in compatible_signatures(capability(worker)):
            wake_worker(worker.pk)
            woken += 1
            if woken == _WAKE_AT_MOST:
                return


def wake_worker(worker_id: int) -> None:
    """Tell one worker that there may be work."""
    wake.wake(wake.worker_group(worker_id), {"type": "work.available"})


def reason_for_waiting(signature: Signature, *, connected: bool = False) -> str | None:
    """
    Why no worker takes requests of a signature, for people.

    :param connected: whether only workers count that are there now
    :returns: None if some worker could
    """
    tags = SignatureTags(
        required=frozenset(signature.required_tags), provided=frozenset(signature.provided_tags)
    )
    known = Worker.objects.filter(token__enabled=True)
    workers = list(known.filter(connected_at__isnull=False) if connected else known)
    if not workers:
        return f"no worker is {'connected' if connected else 'registered'}"
    lacking = [missing_tags(tags, capability(worker)) for worker in workers]
    if not all(lacking):
        return None
    closest = min((sorted(one) for one in lacking), key=len)
    return f"no worker provides {', '.join(closest)}"
