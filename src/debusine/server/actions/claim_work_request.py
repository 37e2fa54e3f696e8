# SPDX-License-Identifier: GPL-3.0-or-later
"""
Give a worker its next request.

Everything that may take long, looking inputs up above all, happens before the short
transaction that takes the request, if it is still there.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import BigIntegerField, DateTimeField, IntegerField, JSONField

from debusine.db.models import Attempt, Token, TokenType, Worker, WorkRequest
from debusine.db.prepared import Param, Prepared
from debusine.db.prepared_change import PreparedInsert, PreparedUpdate
from debusine.domain.resources import NOTHING, Resources, Room
from debusine.domain.scheduling import Capability
from debusine.domain.work_request import WorkRequestStatus
from debusine.errors import ConflictError
from debusine.server import scheduler, task_data, wake
from debusine.server.action import action
from debusine.server.action_key import key_of
from debusine.server.actions.complete_work_request import fail_pending
from debusine.server.actions.renew_lease import lease_end
from debusine.server.actions.requeue_work_request import requeue_work_request
from debusine.server.actor import Actor, hash_key
from debusine.server.orders import takes_work
from debusine.server.refusals import is_refused, note_refusal, resolved_task
from debusine.server.reservation import amount, offer_of
from debusine.server.worker_tags import capability
from debusine.wire.worker import FEATURE_HEARTBEAT

TOKEN_LIFETIME = timedelta(days=7)
# others take the heads away, or heads turn out to be refused or broken: each try finds another
_TRIES = 50

_RUNNING = Prepared(
    lambda: Attempt.objects.filter(
        worker=Param("worker", BigIntegerField()), ended_at=None
    ).order_by("pk")
)
_LOCKED = Prepared(
    lambda: Worker.objects.select_for_update(of=("self",)).filter(pk=Param("pk", BigIntegerField()))
)
# with everything that a task and an answer need
_PENDING = Prepared(
    lambda: WorkRequest.objects.select_related(
        "workspace__scope", "created_by", "signature"
    ).filter(pk=Param("pk", BigIntegerField()), status=WorkRequestStatus.PENDING.value)
)
_START = PreparedUpdate(
    lambda: WorkRequest.objects.filter(
        pk=Param("pk", BigIntegerField()),
        status=WorkRequestStatus.PENDING.value,
        # it may have run and come back since it was read
        retry_count=Param("retry_count", IntegerField()),
        handed_back=Param("handed_back", IntegerField()),
    ),
    status=WorkRequestStatus.RUNNING.value,
    worker=Param("worker", BigIntegerField()),
    started_at=Param("now", DateTimeField()),
    dynamic_task_data=Param("dynamic_data", JSONField()),
)
_INSERT_ATTEMPT = PreparedInsert(Attempt)
_INSERT_TOKEN = PreparedInsert(Token)


class ContentionError(ConflictError):
    """Other workers were faster, again and again; there may be more work."""

    code = "contention"
    status = 423


@dataclass(frozen=True, kw_only=True, slots=True)
class Assignment:
    """A request that now runs on a worker, and the key its task works with."""

    work_request: WorkRequest
    attempt: Attempt
    key: str


def claim_work_request(
    actor: Actor, *, now: datetime, running: Collection[int] | None = None
) -> Assignment | None:
    """
    Find and take the next request for a worker.

    :param running: work requests that it says it runs; None if it does not say
    :returns: None if there is nothing for it, or no slot of it is free
    :raises PermissionDeniedError: unless a worker asks
    :raises ContentionError: if others took everything that it tried to take
    """
    worker = actor.require_worker()
    room = _room(actor, worker, running=running, now=now)
    if room is None:
        return None
    able = capability(worker)
    outpaced = False
    left = _TRIES
    while left > 0:
        left -= 1
        head = scheduler.next_for(worker, able, room, now=now)
        if head is None:
            return None
        request = _PENDING.first(pk=head)
        if request is None:
            outpaced = True
            continue
        if _has_wrong_signature(request, able):
            continue
        try:
            task = resolved_task(request)
            if is_refused(task, request, worker):
                left -= note_refusal(request, worker)
                continue
            data = task_data.dynamic_data(task)
            key = key_of(task, data)
        except task_data.TaskDataError as error:
            fail_pending(actor, request=request, error=error, now=now)
            continue
        taken = take(
            actor,
            request=request,
            dynamic_data=data,
            action_key=key,
            reserved=room.reserve(_need(request)),
            now=now,
        )
        if taken is not None:
            return taken
        outpaced = True
    if outpaced:
        raise ContentionError("Work requests were taken by other workers")
    # everything it could not have is out of its way now; there may be more behind
    scheduler.wake_worker(worker.pk)
    return None


@action
def take(  # noqa: PLR0913  each is a fact of its own
    actor: Actor,
    *,
    request: WorkRequest,
    dynamic_data: dict[str, Any],
    now: datetime,
    action_key: str = "",
    reserved: Resources = NOTHING,
) -> Assignment | None:
    """
    Make a pending request run on the worker that asks.

    :param reserved: what of the worker is kept for it
    :returns: None if it is no longer pending as it was
    :raises ContentionError: if the worker has no slot any more
    """
    worker = actor.require_worker()
    # the same worker may ask twice at once, as an answer got lost on its way
    _LOCKED.first(pk=worker.pk)
    if len(_RUNNING.all(worker=worker.pk)) >= worker.concurrency:
        raise ContentionError("The worker has taken something else meanwhile")
    if not _START.run(
        pk=request.pk,
        retry_count=request.retry_count,
        handed_back=request.handed_back,
        worker=worker.pk,
        now=now,
        dynamic_data=dynamic_data,
    ):
        return None
    request.status = WorkRequestStatus.RUNNING.value
    request.worker = worker
    request.started_at = now
    request.dynamic_task_data = dynamic_data
    key = secrets.token_hex(32)
    attempt = Attempt(
        work_request=request,
        # earlier ones are counted, so that no query is needed
        number=request.retry_count + request.handed_back + 1,
        worker=worker,
        token_hash=hash_key(key),
        started_at=now,
        lease_until=lease_end(worker, now=now),
        action_key=action_key,
        memory_mib=reserved.memory_mib,
        disk_mib=reserved.disk_mib,
        cpu_count=reserved.cpu_count,
    )
    _INSERT_ATTEMPT.save(attempt)
    _INSERT_TOKEN.save(
        Token(
            token_type=TokenType.WORK_REQUEST,
            hash=attempt.token_hash,
            user=request.created_by,
            attempt=attempt,
            created_at=now,
            expire_at=now + TOKEN_LIFETIME,
            enabled=True,
            # most tasks are over before this is worth a statement of its own
            last_seen_at=now,
        )
    )
    wake.wake_on_commit(wake.log_group(request.pk), {"type": "log.state"})
    return Assignment(work_request=request, attempt=attempt, key=key)


def _room(
    actor: Actor, worker: Worker, *, running: Collection[int] | None, now: datetime
) -> Room | None:
    """
    What of a worker is free; one query, whatever it runs.

    What we think it runs and it does not, it has lost, or it never heard that it got it.
    A worker with one slot that asks has nothing to do. One with several slots says what
    it runs, when it asks, or at least when it connects and in its heartbeats.

    :returns: None if none of its slots is
    """
    if not takes_work(worker):
        return None
    held = _RUNNING.all(worker=worker.pk)
    lost: list[Attempt] = []
    if running is not None:
        known = set(running)
        lost = [attempt for attempt in held if attempt.work_request_id not in known]
    elif len(held) >= worker.concurrency:
        if worker.concurrency > 1 and FEATURE_HEARTBEAT in worker.features:
            return None
        lost = held
    for attempt in lost:
        requeue_work_request(
            actor, attempt=attempt, reason="the worker asked for work instead", now=now
        )
    kept = [attempt for attempt in held if attempt not in lost]
    if len(kept) >= worker.concurrency:
        return None
    return Room.left(offer_of(worker), map(amount, kept))


def _need(request: WorkRequest) -> Resources:
    return NOTHING if request.signature is None else amount(request.signature)


def _has_wrong_signature(request: WorkRequest, able: Capability) -> bool:
    """
    Mend the signature of a request that waits since metadata decided, if they do no longer.

    Such a signature lacks most of the tags that the request requires.
    """
    if not scheduler.tags_decide() or able.provided.issuperset(request.scheduler_tags_required):
        return False
    WorkRequest.objects.filter(pk=request.pk, status=WorkRequestStatus.PENDING.value).update(
        signature=scheduler.signature_for(request, _need(request))
    )
    return True
