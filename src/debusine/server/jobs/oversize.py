# SPDX-License-Identifier: GPL-3.0-or-later
"""
Requests that need more than any worker offers.

What they need is an estimate: with what the largest worker has they may well succeed.
Waiting for a worker that nobody has would be no help.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import structlog
from django.conf import settings
from django.db.models import Exists, OuterRef, Q

from debusine.db.models import Signature, Worker, WorkRequest
from debusine.domain.resources import Offer, largest
from debusine.domain.scheduling import SignatureTags, missing_tags
from debusine.domain.work_request import WorkRequestStatus
from debusine.server import scheduler
from debusine.server.reservation import amount, offer_of
from debusine.server.worker_tags import capability

log = structlog.get_logger(__name__)


def cut_to_size(now: datetime) -> int:
    """
    Give requests that are too big for every worker what the largest one has.

    A worker that has just left counts as if it were there: it may be restarting. One
    query for the signatures of what waits and needs something, and if there are any, one
    for the workers.

    :returns: how many requests need less from now on
    """
    pending = WorkRequest.objects.filter(status=WorkRequestStatus.PENDING.value)
    rows = Signature.objects.filter(
        Exists(pending.filter(signature=OuterRef("pk"))),
        Q(memory_mib__gt=0) | Q(disk_mib__gt=0) | Q(cpu_count__gt=0),
    )
    signatures = list(rows)
    if not signatures:
        return 0
    recent = now - settings.DEBUSINE.disconnect_grace
    there = Q(connected_at__isnull=False) | Q(disconnected_at__gt=recent)
    workers = list(Worker.objects.filter(there, token__enabled=True))
    return sum(_cut(row, workers) for row in signatures)


def _cut(row: Signature, workers: Iterable[Worker]) -> int:
    need = amount(row)
    smaller = largest(_offers(row, workers), need)
    if smaller == need:
        return 0
    target = scheduler.intern_exactly(row.required_tags, row.provided_tags, smaller)
    changed = WorkRequest.objects.filter(
        signature=row, status=WorkRequestStatus.PENDING.value
    ).update(signature=target)
    log.info("need-cut-to-size", signature=row.pk, wanted=str(need), gets=str(smaller))
    return changed


def _offers(row: Signature, workers: Iterable[Worker]) -> list[Offer]:
    """What the workers offer that can run the requests of a signature."""
    tags = SignatureTags(
        required=frozenset(row.required_tags), provided=frozenset(row.provided_tags)
    )
    return [offer_of(one) for one in workers if not missing_tags(tags, capability(one))]
