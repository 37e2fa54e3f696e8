# SPDX-License-Identifier: GPL-3.0-or-later
"""
Forget workers that are gone for good, and signatures that nobody waits with.

Every part is bounded, and a transaction of its own: whoever is killed in between leaves
the rest for the next night.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from debusine.db.models import Attempt, Signature, Token, Worker, WorkerType, WorkRequest
from debusine.domain.work_request import FINAL

BATCH = 500
# of signatures: longer than any transaction that may be about to use one
UNUSED_FOR = timedelta(days=1)


def remove_workers(now: datetime) -> int:
    """
    Forget a part of what processes of the server, and workers that are let in no longer, left.

    The key of a worker that is enabled may be used any day: it stays, as it always did.

    :returns: how much was done; 0 if nothing is left
    """
    before = now - settings.DEBUSINE.worker_max_idle
    worker = _gone(before).order_by("pk").first()
    return 0 if worker is None else _remove_worker(worker.pk, before)


def _gone(before: datetime) -> QuerySet[Worker]:
    """Workers that nobody heard of since then, or ever, and that run nothing."""
    heard = Q(connected_at__isnull=False) | Q(disconnected_at__gte=before)
    running = Attempt.objects.filter(worker=OuterRef("pk"), ended_at=None)
    return Worker.objects.filter(
        ~heard,
        ~Exists(running),
        Q(worker_type=WorkerType.CELERY.value) | Q(token__enabled=False),
        registered_at__lt=before,
        activation_token=None,
    )


@transaction.atomic
def _remove_worker(pk: int, before: datetime) -> int:
    """Take a part of what a worker did from it, or, once that is done, remove it."""
    # it may just come back, which takes this lock as well
    locked = _gone(before).select_for_update(of=("self",)).filter(pk=pk).first()
    if locked is None:
        # another one is first in the next round, and this one not gone any more
        return 1
    for model in (Attempt, WorkRequest):
        rows = model.objects.filter(worker=locked)
        some = list(rows.values_list("pk", flat=True)[:BATCH])
        if some:
            return model.objects.filter(pk__in=some).update(worker=None)
    token = locked.token_id
    locked.delete()
    if token is not None:
        Token.objects.filter(pk=token).delete()
    return 1


def release_signatures(now: datetime) -> int:
    """
    Let a part of the requests that have ended say no longer what they waited with.

    :returns: how many there were; 0 if none is left
    """
    del now
    ended = WorkRequest.objects.filter(signature__isnull=False, status__in=FINAL)
    some = list(ended.values_list("pk", flat=True)[:BATCH])
    return WorkRequest.objects.filter(pk__in=some).update(signature=None) if some else 0


def mark_signatures(now: datetime) -> int:
    """
    Note of a part of the signatures that nothing waits with them.

    :returns: how many there were; 0 if none is left
    """
    some = list(_unused().filter(unused_since=None).values_list("pk", flat=True)[:BATCH])
    return Signature.objects.filter(pk__in=some).update(unused_since=now) if some else 0


def remove_signatures(now: datetime) -> int:
    """
    Forget a part of the signatures that nothing has waited with for a day.

    Who is about to use one takes the note away first (:func:`intern_exactly
    <debusine.server.scheduler.intern_exactly>`), and waits for us or we for him.

    :returns: how many there were; 0 if none is left
    """
    old = _unused().filter(unused_since__lt=now - UNUSED_FOR)
    some = list(old.values_list("pk", flat=True)[:BATCH])
    # Django would take it away from whoever came meanwhile; the database refuses instead
    using = transaction.get_connection().alias
    return old.order_by().filter(pk__in=some)._raw_delete(using) if some else 0  # noqa: SLF001


def _unused() -> QuerySet[Signature]:
    waiting = WorkRequest.objects.filter(signature=OuterRef("pk"))
    return Signature.objects.filter(~Exists(waiting)).order_by("pk")
