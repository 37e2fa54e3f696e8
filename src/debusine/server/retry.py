# SPDX-License-Identifier: GPL-3.0-or-later
"""What comes after an attempt that came to nothing: another one, now or later, or none."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F

from debusine.db.models import Attempt, Signature, Worker, WorkRequest
from debusine.domain.retry import Decision, RetryClass, RetryPolicy, decide, jitter_of
from debusine.domain.scheduling import SignatureTags, avoidance_tag, missing_tags
from debusine.domain.work_request import WorkRequestStatus
from debusine.server import idle_workers, scheduler, wake
from debusine.server.reservation import RunKind, amount, learned_need
from debusine.server.timer import set_timer
from debusine.server.worker_tags import capability

TIMER = "make_claimable"
# after this the worker that failed may have it again: better there than nowhere
ELSEWHERE_FOR = timedelta(minutes=10)


def policy() -> RetryPolicy:
    """What the settings say."""
    server = settings.DEBUSINE
    return RetryPolicy(
        limits={
            RetryClass.LOST_WORKER: server.retries_lost_worker,
            RetryClass.INFRASTRUCTURE: server.retries_infrastructure,
            RetryClass.NETWORK: server.retries_network,
            RetryClass.OUT_OF_SPACE: server.retries_out_of_space,
            RetryClass.OUT_OF_MEMORY: server.retries_out_of_memory,
            RetryClass.DEPENDENCY: server.retries_dependency,
            RetryClass.FLAKY: server.retries_flaky,
        },
        delay=server.retry_delay,
        longest=server.retry_delay_max,
    )


def decision_for(attempt: Attempt, kind: RetryClass) -> Decision:
    """
    Say what comes after an attempt; one query, and those for other workers if there may be one.

    :param attempt: with its request loaded
    """
    rules = policy()
    earlier = 0
    can_elsewhere = False
    if rules.limit(kind):
        tried = Attempt.objects.filter(work_request=attempt.work_request_id, lost_by=kind.value)
        earlier = tried.exclude(pk=attempt.pk).count()
        can_elsewhere = kind is not RetryClass.LOST_WORKER and _can_elsewhere(attempt)
    return decide(
        kind,
        earlier=earlier,
        policy=rules,
        jitter=jitter_of(attempt.work_request_id, attempt.number),
        can_elsewhere=can_elsewhere,
    )


def as_columns(decision: Decision) -> dict[str, Any]:
    """What an attempt says about what comes after it."""
    return {"lost_by": decision.kind.value, "next_step": decision.words}


def try_again(request: WorkRequest, attempt: Attempt, decision: Decision, *, now: datetime) -> None:
    """
    Have a request wait for its next attempt, within the transaction that ended the last one.

    :param request: as it was while it ran
    :param decision: not final
    """
    plain = request.signature_id
    if plain is None or decision.kind is RetryClass.OUT_OF_MEMORY:
        plain = _signature(request)
    signature: int | None = plain
    delayed_until = now + decision.delay if decision.delay else None
    if delayed_until is not None:
        signature = None
        put_off(request.pk, until=delayed_until, signature=plain)
    elif decision.is_elsewhere and attempt.worker_id is not None:
        signature = _avoiding(plain, attempt.worker_id)
        put_off(request.pk, until=now + ELSEWHERE_FOR, signature=plain)
    running = WorkRequest.objects.filter(pk=request.pk, status=WorkRequestStatus.RUNNING.value)
    running.update(
        status=WorkRequestStatus.PENDING.value,
        worker=None,
        started_at=None,
        pending_at=now,
        delayed_until=delayed_until,
        signature=signature,
        retry_count=F("retry_count") + 1,
    )
    if signature is not None:
        transaction.on_commit(partial(idle_workers.wake_workers, signature))
    wake.wake_on_commit(wake.log_group(request.pk), {"type": "log.state"})


def put_off(request_id: int, *, until: datetime, signature: int) -> None:
    """Have any worker that fits take a request, from then on."""
    set_timer(TIMER, request_id, until, data={"signature": signature})


def make_claimable(request_id: int, *, signature: int | None = None) -> bool:
    """
    Let every worker that fits take a request, within a transaction.

    One that runs gets its signature too, for the case that it comes back.

    :param signature: one that it had, which says what it needs; None works it out
    :returns: False if it has ended
    """
    waiting = WorkRequest.objects.filter(
        pk=request_id,
        status__in=[WorkRequestStatus.PENDING.value, WorkRequestStatus.RUNNING.value],
    )
    request = waiting.first()
    if request is None:
        return False
    known = None if signature is None else Signature.objects.filter(pk=signature).first()
    # what workers require may be something else by now
    found = _signature(request, known)
    if not waiting.update(signature=found, delayed_until=None):
        return False
    transaction.on_commit(partial(idle_workers.wake_workers, found))
    return True


def make_due_claimable(now: datetime) -> int:
    """
    Find delayed requests whose timer was lost; one query if there is none.

    :returns: how many there were
    """
    due = WorkRequest.objects.filter(
        status=WorkRequestStatus.PENDING.value, delayed_until__lte=now
    ).order_by("pk")
    found = 0
    for pk in list(due.values_list("pk", flat=True)):
        with transaction.atomic():
            found += make_claimable(pk)
    return found


def _signature(request: WorkRequest, earlier: Signature | None = None) -> int:
    """The signature of a request that has none; what it needs is what such runs took."""
    if earlier is not None:
        return scheduler.signature_for(request, amount(earlier))
    known = request.dynamic_task_data or {}
    kind = RunKind.of(request, subject=known.get("subject"), context=known.get("runtime_context"))
    return scheduler.signature_for(request, learned_need(kind))


def _avoiding(signature: int, worker_id: int) -> int:
    """The same signature, which a worker does not fit."""
    row = Signature.objects.get(pk=signature)
    required = [*row.required_tags, avoidance_tag(worker_id)]
    return scheduler.intern_signature(required, row.provided_tags, amount(row))


def _can_elsewhere(attempt: Attempt) -> bool:
    """Whether a worker that is there, and not the one of an attempt, could run its request."""
    row = attempt.work_request.signature
    if row is None or attempt.worker_id is None:
        return False
    tags = SignatureTags(
        required=frozenset([*row.required_tags, avoidance_tag(attempt.worker_id)]),
        provided=frozenset(row.provided_tags),
        need=amount(row),
    )
    others = Worker.objects.filter(
        token__enabled=True, connected_at__isnull=False, drained_at=None
    ).exclude(pk=attempt.worker_id)
    return any(not missing_tags(tags, capability(other)) for other in others)
