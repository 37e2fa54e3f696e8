# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers a worker's "what next?" and a request's "who could run this?"."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import CharField

from debusine import __version__
from debusine.db.models import Signature, Worker, WorkerType, WorkRequest
from debusine.db.prepared import Param, Prepared, PreparedValues
from debusine.db.queries import named_query
from debusine.domain.resources import NOTHING, Head, Resources, Room, choose
from debusine.domain.scheduling import (
    TYPE_PREFIX,
    Capability,
    SignatureTags,
    missing_tags,
    signature_key,
)
from debusine.domain.work_request import WorkRequestStatus
from debusine.server import job_queue, wake
from debusine.server.job_queue import Queue
from debusine.server.reservation import amount
from debusine.util.batched import batched

# SQLite joins at most 500 statements
_UNION_LIMIT = 400

_SIGNATURE_OF_KEY = Prepared(lambda: Signature.objects.filter(key=Param("key", CharField())))
# distinct, and most workers have none
_REQUIRED_BY_WORKERS = PreparedValues(
    lambda: Worker.objects.exclude(required_tags=[]).values_list("required_tags").distinct()
)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Known:
    """
    Signatures as they were at one time, and which of them a capability fits.

    Another time is another object: who still looks at this one meanwhile changes
    nothing of what is known of later ones.
    """

    version: tuple[int, int] = (0, 0)
    signatures: dict[int, SignatureTags] = field(default_factory=dict)
    compatible: dict[Capability, tuple[int, ...]] = field(default_factory=dict)


_known = _Known()
# of each signature; it never changes
_needs: dict[int, Resources] = {}


def forget() -> None:
    """Drop what is remembered; for tests, whose rows vanish."""
    global _known  # noqa: PLW0603  one per process
    _known = _Known()
    _needs.clear()


def tags_decide() -> bool:
    """Whether tags match requests with workers; otherwise the metadata of workers do."""
    decided: bool = settings.DEBUSINE.tag_based_scheduling
    return decided


def intern_signature(
    required: Iterable[str], provided: Iterable[str], need: Resources = NOTHING
) -> int:
    """
    Find or make the row of a pair of tag sets and a need; two queries unless it is new.

    Of the provided tags only those count that some worker requires, so that there
    stay few signatures although every package brings a tag of its own.

    :param need: what a worker must have free, in few classes for the same reason
    :returns: id of the signature
    """
    return intern_exactly(required, set(provided) & _required_by_workers(), need)


def intern_exactly(required: Iterable[str], counting: Iterable[str], need: Resources) -> int:
    """
    Find or make the row of a signature.

    :param counting: what requests provide, as far as any worker requires it
    """
    key = signature_key(required, counting, need)
    row = _SIGNATURE_OF_KEY.first(key=key)
    if row is None or (row.unused_since is not None and not _take_up(row)):
        row, _ = Signature.objects.get_or_create(
            key=key,
            defaults={
                "required_tags": sorted(set(required)),
                "provided_tags": sorted(set(counting)),
                "memory_mib": need.memory_mib,
                "disk_mib": need.disk_mib,
                "cpu_count": need.cpu_count,
            },
        )
    _needs[row.pk] = need
    return row.pk


def _take_up(row: Signature) -> bool:
    """Take away the note that nothing waits with a signature; False if it was just removed."""
    return bool(Signature.objects.filter(pk=row.pk).update(unused_since=None))


def signature_for(request: WorkRequest, need: Resources = NOTHING) -> int:
    """Find or make the signature of a request, from its tags and what it needs."""
    return intern_signature(_counting(request), request.scheduler_tags_provided, need)


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


def basis_of_signatures() -> dict[str, Any]:
    """What signatures depend on beside the requests; one query."""
    return {
        "tags_decide": tags_decide(),
        "required": sorted(_required_by_workers()),
        "program": __version__,
    }


def reintern_pending(*, after: int = 0, limit: int | None = None) -> int | None:
    """
    Give pending requests their signatures anew, in the order of their ids.

    After :func:`basis_of_signatures` changed. Refusals are forgotten; who refused is
    asked again.

    :param after: only those with larger ids
    :param limit: at most so many
    :returns: the last id; None if there were none
    """
    wanted = _required_by_workers()
    known: dict[tuple[frozenset[str], frozenset[str], Resources], int] = {}
    needs = {row.pk: amount(row) for row in Signature.objects.all()}
    last: int | None = None
    # one that is delayed gets its signature when it is due
    pending = WorkRequest.objects.filter(
        status=WorkRequestStatus.PENDING.value, delayed_until=None, pk__gt=after
    ).only("pk", "scheduler_tags_required", "scheduler_tags_provided", "signature_id")
    for request in pending.order_by("pk")[:limit].iterator(500):
        pair = (
            frozenset(_counting(request)),
            frozenset(request.scheduler_tags_provided) & wanted,
            needs.get(request.signature_id or 0, NOTHING),
        )
        if pair not in known:
            known[pair] = intern_exactly(*pair)
        if known[pair] != request.signature_id:
            WorkRequest.objects.filter(pk=request.pk).update(signature=known[pair])
        last = request.pk
    return last


def need_of(signature_id: int) -> Resources:
    """What the requests of a signature need; at most one query, as that never changes."""
    known = _needs.get(signature_id)
    if known is None:
        row = Signature.objects.filter(pk=signature_id).first()
        known = _needs[signature_id] = NOTHING if row is None else amount(row)
    return known


def compatible_signatures(worker: Capability) -> tuple[int, ...]:
    """Ids of the signatures whose requests a worker can run; one query."""
    return _compatible(_signatures(), worker)


def able_to_run(signature_id: int, workers: Iterable[Capability]) -> set[Capability]:
    """Which workers can run the requests of a signature; one query, however many workers."""
    known = _signatures()
    return {worker for worker in workers if signature_id in _compatible(known, worker)}


def _signatures() -> _Known:
    """All signatures that there are; one query unless there are new ones."""
    global _known  # noqa: PLW0603  one per process
    known = _known
    with connection.cursor() as cursor:
        cursor.execute(named_query("signatures_version_v1"))
        version = cursor.fetchone()
    if version != known.version:
        tags = {
            row.pk: SignatureTags(
                required=frozenset(row.required_tags),
                provided=frozenset(row.provided_tags),
                need=amount(row),
            )
            for row in Signature.objects.all()
        }
        _known = known = _Known(version=version, signatures=tags)
    return known


def _compatible(known: _Known, worker: Capability) -> tuple[int, ...]:
    found = known.compatible.get(worker)
    if found is None:
        found = tuple(pk for pk, tags in known.signatures.items() if not missing_tags(tags, worker))
        known.compatible[worker] = found
    return found


def head_of_queue(worker: Capability) -> int | None:
    """
    The request that a worker with room for everything should run next; two queries.

    :returns: id of a pending work request, None if nothing fits
    """
    heads = _heads(compatible_signatures(worker), "LIMIT 1")
    return min((place, pk) for pk, place, _, _ in heads)[1] if heads else None


def next_for(worker: Worker, able: Capability, room: Room, *, now: datetime) -> int | None:
    """
    The request that a worker should run next; two queries, however many wait.

    :param able: what the worker can do
    :param room: what of it is free
    :returns: id of a pending work request, None if nothing fits or it keeps itself free
    """
    if not room.offer.is_limited:
        return head_of_queue(able)
    known = _signatures()
    needs = {pk: known.signatures[pk].need for pk in _compatible(known, able)}
    possible = [pk for pk, need in needs.items() if room.offer.holds(need)]
    heads = [
        Head(place=place, pk=pk, pending_at=_aware(pending_at, now), need=needs[signature])
        for pk, place, signature, pending_at in _heads(possible)
    ]
    found = choose(heads, room, worker=worker.pk, now=now)
    return None if found is None else found.pk


def _heads(signatures: Sequence[int], limit: str = "") -> list[tuple[int, int, int, Any]]:
    """
    The first request of each of several signatures, or of all of them.

    :returns: id, place in the queue, signature, and since when it is pending
    """
    heads: list[tuple[int, int, int, Any]] = []
    arm = named_query("head_of_signature_v1")
    for part in batched(signatures, _UNION_LIMIT):
        statement = f"{' UNION ALL '.join([arm] * len(part))} ORDER BY place, id {limit}"
        with connection.cursor() as cursor:
            cursor.execute(statement, part)
            heads += cursor.fetchall()
    return heads


def _aware(moment: datetime | str | None, now: datetime) -> datetime:
    """A time as a statement of our own gives it: SQLite has text, without the zone."""
    if moment is None:
        return now
    read = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return read if read.tzinfo is not None else read.replace(tzinfo=UTC)


def wake_worker(worker_id: int, worker_type: str = WorkerType.EXTERNAL) -> bool:
    """
    Tell one worker that there may be work.

    :returns: False if it is sure that it does not hear of it
    """
    if worker_type == WorkerType.CELERY:
        # any process of the server that has a thread for it may take the message
        return job_queue.send("run_server_task", queue=Queue.SERVER_TASKS)
    wake.wake(wake.worker_group(worker_id), {"type": "work.available"})
    return True
