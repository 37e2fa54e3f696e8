# SPDX-License-Identifier: GPL-3.0-or-later
"""
Tell idle workers that there may be work for them.

Workers that can do the same are of one kind, and a few of a kind are told, so that the
cost does not grow with the number of workers. Who is told without need asks in vain once.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace

from django.db import connection

from debusine.db.models import Worker
from debusine.db.queries import named_query
from debusine.domain.resources import Resources
from debusine.domain.scheduling import Capability
from debusine.server import scheduler
from debusine.server.worker_tags import capability

# a lost wake-up costs one sweep, so not every idle worker of a farm needs to run for one request
_WAKE_AT_MOST = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerKind:
    """Connected workers that can do the same; their ids lie between two numbers."""

    key: str
    first: int
    last: int
    able: Capability


_known: dict[str, Capability] = {}


def wake_workers(signature_id: int) -> None:
    """Tell some idle workers that fit a signature; two queries and one for each kind that fits."""
    need = scheduler.need_of(signature_id)
    left = _WAKE_AT_MOST
    kinds = list(connected_kinds())
    able = scheduler.able_to_run(signature_id, [kind.able for kind in kinds])
    for kind in kinds:
        if left and kind.able in able:
            for worker_id, worker_type in idle_of(kind, need, left):
                scheduler.wake_worker(worker_id, worker_type)
                left -= 1


def connected_kinds() -> Iterator[WorkerKind]:
    """What kinds of workers are connected."""
    with connection.cursor() as cursor:
        cursor.execute(named_query("worker_kinds_v1"))
        rows = cursor.fetchall()
    for key, first, last in rows:
        if key not in _known:
            one = Worker.objects.filter(capability_key=key).first()
            if one is None:
                continue
            # which group it belongs to does not matter: who is woken in vain only asks
            _known[key] = replace(capability(one), group=None)
        yield WorkerKind(key=key, first=first, last=last, able=_known[key])


def idle_of(kind: WorkerKind, need: Resources, limit: int) -> list[tuple[int, str]]:
    """Id and type of a few workers of a kind that have a slot and room, others each time."""
    start = random.randint(kind.first, kind.last)  # noqa: S311  no secret
    found = _idle_from(kind, start, need, limit)
    if len(found) < limit and start > kind.first:
        found += _idle_from(kind, kind.first, need, limit)
    return list(dict.fromkeys(found))[:limit]


def _idle_from(kind: WorkerKind, start: int, need: Resources, limit: int) -> list[tuple[int, str]]:
    wanted = (need.memory_mib, need.disk_mib, need.cpu_count)
    with connection.cursor() as cursor:
        cursor.execute(named_query("idle_workers_v1"), (kind.key, start, *wanted, limit))
        found: list[tuple[int, str]] = cursor.fetchall()
        return found
