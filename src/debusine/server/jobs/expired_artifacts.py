# SPDX-License-Identifier: GPL-3.0-or-later
"""
Remove artifacts whose time is over, unless something that stays needs them.

Only numbers of expired artifacts are held in memory, and only their relations are read.
What is decided about many is looked at once more for each part of them, locked, so that
it may take as long as it needs while others work.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from django.db import transaction
from django.db.models import Q, QuerySet

from debusine.db.models import (
    Artifact,
    ArtifactRelation,
    Collection,
    CollectionItem,
    Retains,
    WorkRequest,
)
from debusine.domain.expiry import Edge, without_kept
from debusine.domain.permission import input_artifact_ids
from debusine.domain.work_request import FINAL
from debusine.domain.workflow import workflow_of
from debusine.server.collections.base import kind_of
from debusine.server.expired import is_expired
from debusine.util.batched import batched

BATCH = 200


def remove_artifacts(now: datetime, *, batch: int = BATCH) -> int:
    """
    Look at all that have expired, and remove those that may go.

    :returns: how many were removed
    """
    expired = set(
        Artifact.objects.filter(is_expired(now)).values_list("pk", flat=True).iterator(batch)
    )
    held = set(_held(expired, batch)) | _inputs() & expired
    going = without_kept(expired, held, _edges(expired, batch))
    # what is newer needs what is older, so it goes first
    newest_first = sorted(going, reverse=True)
    return sum(_remove(some, going, now) for some in batched(newest_first, batch))


def _held(artifacts: set[int], batch: int) -> Iterator[int]:
    """Those that a collection keeps, items that were removed from it included."""
    for some in batched(sorted(artifacts), batch):
        yield from _held_of(some)


def _held_of(artifacts: Iterable[int]) -> set[int]:
    items = CollectionItem.objects.filter(artifact__in=artifacts)
    always = items.filter(collection__retains_artifacts=Retains.ALWAYS)
    held = set(always.values_list("artifact_id", flat=True))
    for_now = items.filter(collection__retains_artifacts=Retains.WORKFLOW)
    pairs = set(for_now.values_list("artifact_id", "collection__name"))
    running = _running({name for _, name in pairs})
    return held | {artifact for artifact, name in pairs if name in running}


def _running(collections: set[str]) -> set[str]:
    """Names of collections whose workflow has not ended."""
    numbers = {root: name for name in collections if (root := workflow_of(name)) is not None}
    found = WorkRequest.objects.filter(pk__in=numbers).exclude(status__in=FINAL)
    return {numbers[pk] for pk in found.values_list("pk", flat=True)}


def _inputs() -> set[int]:
    """What the requests that have not ended take."""
    waiting = WorkRequest.objects.exclude(status__in=FINAL).exclude(dynamic_task_data=None)
    found: set[int] = set()
    for data in waiting.values_list("dynamic_task_data", flat=True).iterator():
        found |= input_artifact_ids(data)
    return found


def _edges(artifacts: set[int], batch: int) -> Iterator[Edge]:
    for some in batched(sorted(artifacts), batch):
        yield from _edges_of(some)


def _edges_of(artifacts: Iterable[int]) -> list[Edge]:
    rows = ArtifactRelation.objects.filter(Q(artifact__in=artifacts) | Q(target__in=artifacts))
    return [Edge(*row) for row in rows.values_list("artifact_id", "target_id", "type")]


@transaction.atomic
def _remove(some: Iterable[int], going: set[int], now: datetime) -> int:
    """
    Remove a part of them.

    Whoever relates to one of these, or puts it into a collection, waits for this transaction.

    :param going: all that were found to go; those that somebody needs by now are taken out
    """
    locked = Artifact.objects.select_for_update(of=("self",)).filter(pk__in=some).order_by("pk")
    there = set(locked.values_list("pk", flat=True))
    others = going - there
    edges = [edge for edge in _edges_of(there) if others.isdisjoint((edge.artifact, edge.target))]
    still = without_kept(there, _held_of(there), edges)
    going -= there - still
    _take_out(CollectionItem.objects.filter(artifact__in=still), now)
    ArtifactRelation.objects.filter(Q(artifact__in=still) | Q(target__in=still)).delete()
    Artifact.objects.filter(pk__in=still).delete()
    return len(still)


def _take_out(items: QuerySet[CollectionItem], now: datetime) -> None:
    """Remove items from collections that do not keep artifacts; only their data stays."""
    active = items.filter(removed_at=None)
    collections = active.values_list("collection", flat=True)
    for collection in Collection.objects.filter(pk__in=set(collections)):
        kind_of(collection).removed(active.filter(collection=collection))
    active.update(removed_at=now)
    items.update(artifact=None)
