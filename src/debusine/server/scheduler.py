# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers a worker's "what next?" and a request's "who could run this?"."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from django.conf import settings
from django.db import connection
from django.db.models import CharField, Count, F, Q

from debusine.db.models import Signature, Worker, WorkRequest
from debusine.db.prepared import Param, Prepared, PreparedValues
from debusine.db.queries import named_query
from debusine.domain.scheduling import (
    TYPE_PREFIX,
    Capability,
    SignatureTags,
    missing_tags,
    signature_key,
)
from debusine.domain.work_request import WorkRequestStatus
from debusine.server import wake
from debusine.server.worker_tags import capability

# SQLite joins at most 500 statements
_UNION_LIMIT = 400
# a lost wake-up costs one sweep, so not every idle worker of a farm needs to run for one request
_WAKE_AT_MOST = 8

_SIGNATURE_OF_KEY = Prepared(lambda: Signature.objects.filter(key=Param("key", CharField())))
# distinct, and most workers have none
_REQUIRED_BY_WORKERS = PreparedValues(
    lambda: Worker.objects.exclude(required_tags=[]).values_list("required_tags").distinct()
)
_IDLE = Prepared(
    lambda: (
        Worker.objects.filter(
            connected_at__isnull=False, token__enabled=True, drained_at=None
        )
        .alias(busy=Count("attempts", filter=Q(attempts__ended_at=None)))
        .filter(busy__lt=F("concurrency"))
        .order_by("?")
    )
)


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


def intern_signature(required: Iterable[str], provided: Iterable[str]) -> int:
    """
    Find or make the row of a pair of tag sets; two queries unless it is new.

    Of the provided tags only those count that some worker requires, so that there
    stay few signatures although every package brings a tag of its own.

    :returns: id of the signature
    """
    return _intern(required, set(provided) & _required_by_workers())


def _intern(required: Iterable[str], counting: Iterable[str]) -> int:
    key = signature_key(required, counting)
    row = _SIGNATURE_OF_KEY.first(key=key)
    if row is None:
        row, _ = Signature.objects.get_or_create(
            key=key,
            defaults={
                "required_tags": sorted(set(required)),
                "provided_tags": sorted(set(counting)),
            },
        )
    return row.pk


def signature_for(request: WorkRequest) -> int:
    """Find or make the signature of a request, from its tags."""
    return intern_signature(_counting(request), request.scheduler_tags_provided)


def _counting(request: WorkRequest) -> list[str]:
    """
    What a request requires, as far as the queue is concerned.

    When metadata decide instead of tags, only the type of worker counts, and what
    refusals added.
    """
    required = request.scheduler_tags_required
    return required if tags_decide() else [tag for tag in required if tag.startswith(TYPE_PREFIX)]


def _required_by_workers() -> set[str]:
    """What any worker requires; most require nothing."""
    return {tag for (tags,) in _REQUIRED_BY_WORKERS.all() for tag in tags}


def reintern_pending() -> int:
    """
    Give every pending request its signature anew.

    After the requirements of workers changed, or the setting that chooses between tags
    and metadata may have. Refusals are forgotten; who refused is asked again.

    :returns: how many have another one than before
    """
    wanted = _required_by_workers()
    known: dict[tuple[frozenset[str], frozenset[str]], int] = {}
    changed = 0
    pending = WorkRequest.objects.filter(status=WorkRequestStatus.PENDING.value).only(
        "pk", "scheduler_tags_required", "scheduler_tags_provided", "signature_id"
    )
    for request in pending.iterator(500):
        pair = (
            frozenset(_counting(request)),
            frozenset(request.scheduler_tags_provided) & wanted,
        )
        if pair not in known:
            known[pair] = _intern(*pair)
        if known[pair] != request.signature_id:
            changed += 1
            WorkRequest.objects.filter(pk=request.pk).update(signature=known[pair])
    return changed


def compatible_signatures(worker: Capability) -> tuple[int, ...]:
    """Ids of the signatures whose requests a worker can run; one query."""
    with connection.cursor() as cursor:
        cursor.execute(named_query("signatures_version_v1"))
        version = cursor.fetchone()
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
    woken = 0
    for worker in _IDLE.all():
        if signature_id in compatible_signatures(capability(worker)):
            wake_worker(worker.pk)
            woken += 1
            if woken == _WAKE_AT_MOST:
                return


def wake_worker(worker_id: int) -> None:
    """Tell one worker that there may be work."""
    wake.wake(wake.worker_group(worker_id), {"type": "work.available"})
