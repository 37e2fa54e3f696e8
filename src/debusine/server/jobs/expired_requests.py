# SPDX-License-Identifier: GPL-3.0-or-later
"""
Remove work requests whose time is over, with the requests of their workflow.

A workflow goes as a whole or not at all. It stays while a request of it has not ended or
has not expired, while another one waits for it, and while a collection holds what a request
of it put there or took out; package build logs and the history of tasks know it by number.
"""

from __future__ import annotations

from collections.abc import Collection as Several
from datetime import datetime

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet

from debusine.db.models import Collection, CollectionItem, WorkRequest
from debusine.domain.event import EventKind
from debusine.domain.work_request import FINAL
from debusine.domain.workflow import INTERNAL, internal_name
from debusine.server import events
from debusine.server.collections.package_build_logs import PackageBuildLogs
from debusine.server.collections.task_history import TaskHistory
from debusine.server.expired import is_expired

BATCH = 200
# these tell of requests that are gone
_OUTLIVE = (INTERNAL, PackageBuildLogs.category, TaskHistory.category)


def remove_requests(now: datetime, *, batch: int = BATCH) -> int:
    """
    Look at all that have expired, a part at a time.

    :returns: how many were removed
    """
    removed = last = 0
    of_its_own = Q(workflow_root=None) | Q(workflow_root=F("pk"))
    roots = WorkRequest.objects.filter(is_expired(now), of_its_own, status__in=FINAL).order_by("pk")
    while found := list(roots.filter(pk__gt=last).values_list("pk", flat=True)[:batch]):
        last = found[-1]
        removed += sum(_remove(pk, now) for pk in _unheld(found, now))
    return removed


def _family(roots: Several[int]) -> QuerySet[WorkRequest]:
    return WorkRequest.objects.filter(Q(pk__in=roots) | Q(workflow_root__in=roots))


def _unheld(roots: Several[int], now: datetime) -> list[int]:
    """Those of some workflows that may go; four queries."""
    family = _family(roots)
    younger = family.exclude(is_expired(now), status__in=FINAL)
    unended = WorkRequest.objects.exclude(status__in=FINAL)
    waiting = family.filter(Exists(unended.filter(dependencies=OuterRef("pk"))))
    items = CollectionItem.objects.exclude(collection__category__in=_OUTLIVE)
    held = set(
        younger.union(
            waiting,
            family.filter(Exists(items.filter(created_by_work_request=OuterRef("pk")))),
            family.filter(Exists(items.filter(removed_by_work_request=OuterRef("pk")))),
        ).values_list("pk", "workflow_root_id")
    )
    kept = {root or pk for pk, root in held}
    return [pk for pk in roots if pk not in kept]


@transaction.atomic
def _remove(root: int, now: datetime) -> int:
    """Remove one workflow, or one request; how many requests that were."""
    requests = list(_family([root]).select_for_update(of=("self",)).order_by("pk"))
    if not requests or not _unheld([root], now):
        return 0
    for request in requests:
        events.record(request, EventKind.EXPIRED, at=now)
    internal = Collection.objects.filter(
        workspace=requests[0].workspace_id, category=INTERNAL, name=internal_name(root)
    )
    internal.delete()
    _family([root]).delete()
    return len(requests)
