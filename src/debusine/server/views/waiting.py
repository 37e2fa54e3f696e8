# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a work request waits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import Count, Q

from debusine import __version__
from debusine.db.models import Attempt, Worker, WorkRequest
from debusine.db.queries import named_query
from debusine.domain.program_version import explain_apart
from debusine.domain.scheduling import (
    Capability,
    SignatureTags,
    avoidance_tag,
    is_synthetic,
    missing_tags,
    order_number,
    refusal_tag,
)
from debusine.domain.waiting import Obstacles, explain_waiting
from debusine.domain.why import (
    NAMED,
    Blocked,
    Candidate,
    Cause,
    Delayed,
    Dependency,
    Queued,
    QueuePlace,
    WaitingCode,
)
from debusine.domain.work_request import FINAL, WorkRequestStatus
from debusine.domain.worker_state import WorkerFacts, WorkerState
from debusine.server.access import is_visible_workspace
from debusine.server.actor import Actor
from debusine.server.reservation import HELD, amount, held_of, offer_of
from debusine.server.scheduler import compatible_signatures, tags_decide
from debusine.server.worker_tags import capability, ever_provided
from debusine.util.batched import batched
from debusine.wire.work_request import Waiting, WaitingCause

AHEAD_LIMIT = 1000
# workers that differ in what they can do: more of them change the count little
_KINDS = 8
_UNION_LIMIT = 400


def view_waiting(actor: Actor, request: WorkRequest) -> Waiting:
    """
    Say why a request waits, or that it does not; at most a fixed number of queries.

    :param actor: who asks; dependencies that it may not see are only counted
    :param request: with workspace and scope loaded
    """
    status = WorkRequestStatus(request.status)
    if status is WorkRequestStatus.PENDING and request.signature is not None:
        return _view_queued(request)
    return Waiting(status=status, causes=_shown(_causes(actor, request)))


def _causes(actor: Actor, request: WorkRequest) -> list[Cause]:
    """Of one that is in no queue."""
    match WorkRequestStatus(request.status):
        case WorkRequestStatus.BLOCKED:
            return _blocked(actor, request).causes()
        case WorkRequestStatus.RUNNING:
            where = f" on {request.worker.name}" if request.worker is not None else ""
            text = f"it runs{where}{_moment(' since', request.started_at)}"
            return [Cause(code=WaitingCode.RUNNING, text=text)]
        case WorkRequestStatus.PENDING if request.delayed_until is not None:
            last = request.attempts.order_by("-number").first()
            return Delayed(until=request.delayed_until, reason=_what_came(last)).causes()
        case WorkRequestStatus.PENDING:
            return [Cause(code=WaitingCode.SOON, text="it is being put into the queue")]
        case status:
            result = f" with {request.result}" if request.result else ""
            text = f"it is {status.value}{result}{_moment(', since', request.completed_at)}"
            return [Cause(code=WaitingCode.ENDED, text=text)]


def _moment(word: str, moment: datetime | None) -> str:
    return "" if moment is None else f"{word} {moment:%Y-%m-%d %H:%M:%S} UTC"


def _what_came(attempt: Attempt | None) -> str:
    """What came of an attempt, to go on after "as"."""
    if attempt is None:
        return ""
    reason = attempt.reason.partition("\n")[0]
    return f"attempt {attempt.number} ended: {reason or attempt.outcome}"


def _blocked(actor: Actor, request: WorkRequest) -> Blocked:
    """What a blocked request waits for; one query for some, one for how many there are."""
    unmet = request.dependencies.exclude(status__in=FINAL)
    some = list(unmet.select_related("workspace__scope").order_by("pk")[: 2 * NAMED])
    shown = [one for one in some if is_visible_workspace(actor, one.workspace)][:NAMED]
    return Blocked(
        dependencies=[
            Dependency(work_request=one.pk, task=one.task_name, status=one.status) for one in shown
        ],
        more=unmet.count() - len(shown),
    )


def _view_queued(request: WorkRequest) -> Waiting:
    """Of one in the queue: look at all workers."""
    assert request.signature is not None
    signature = SignatureTags(
        required=frozenset(request.signature.required_tags),
        provided=frozenset(request.signature.provided_tags),
        need=amount(request.signature),
    )
    rows = _workers()
    candidates = [_candidate(request, signature, row) for row in rows]
    is_never_offered = not any(_has_offered(row, request) for row in rows)
    queued = Queued(
        workers=candidates,
        need=signature.need,
        place=_place(request, signature, rows),
        is_never_offered=is_never_offered,
    )
    connected = {
        one.name: one.obstacles
        for one, row in zip(candidates, rows, strict=True)
        if row.connected_at is not None and one.state is not WorkerState.DISABLED
    }
    causes = queued.causes()
    return Waiting(
        status=WorkRequestStatus.PENDING,
        reason=explain_waiting(connected, connected=True),
        causes=_shown(causes),
        warning=_warning(causes) if is_never_offered else None,
        ahead=queued.place.ahead,
    )


def _shown(causes: Iterable[Cause]) -> list[WaitingCause]:
    return [WaitingCause(code=one.code, text=one.text) for one in causes]


def _warning(causes: Sequence[Cause]) -> str:
    """What to tell who has just asked for what nobody ever offered."""
    return ": ".join(
        one.text for one in causes if one.code in {WaitingCode.NEVER_OFFERED, WaitingCode.TAGS}
    )


def _workers() -> list[Worker]:
    """All workers, with how much they run; one query."""
    held = Count("attempts", filter=Q(attempts__ended_at=None))
    rows = Worker.objects.select_related("token").annotate(held=held, **HELD)
    return list(rows.order_by("name"))


def _candidate(request: WorkRequest, signature: SignatureTags, worker: Worker) -> Candidate:
    problem = explain_apart(worker.version, __version__)
    facts = WorkerFacts(
        enabled=worker.token is not None and worker.token.enabled,
        connected=worker.connected_at is not None and problem is None,
        drained=worker.drained_at is not None,
        # annotated above
        held=getattr(worker, "held", 0),
        slots=worker.concurrency,
    )
    return Candidate(
        name=worker.name,
        obstacles=_obstacles(request, signature, worker),
        offer=offer_of(worker),
        taken=held_of(worker),
        state=facts.state,
        remark=problem or worker.drain_reason,
    )


def _has_offered(worker: Worker, request: WorkRequest) -> bool:
    """Whether a worker ever had all tags that a request requires, whatever decides."""
    return ever_provided(worker).issuperset(request.scheduler_tags_required)


def _obstacles(request: WorkRequest, signature: SignatureTags, worker: Worker) -> Obstacles:
    able = capability(worker)
    demanded = able.required - signature.provided
    is_avoided = avoidance_tag(worker.pk) in signature.required
    is_refused = refusal_tag(able.kind) in signature.required
    if not tags_decide() and not is_refused:
        return Obstacles(demanded=demanded, is_avoided=is_avoided)
    # where metadata decided, tags say in words what the task is likely to have missed
    required = signature.required if tags_decide() else request.scheduler_tags_required
    lacking = frozenset(tag for tag in required if not is_synthetic(tag)) - able.provided
    return Obstacles(
        lacking=lacking,
        withheld=lacking.intersection(worker.tag_sources.get("withheld", ())),
        demanded=demanded,
        is_refused=is_refused and not tags_decide(),
        is_avoided=is_avoided,
    )


def _place(request: WorkRequest, signature: SignatureTags, workers: list[Worker]) -> QueuePlace:
    """Where a request stands among all that the workers that fit could run."""
    able: dict[Capability, None] = {}
    for worker in workers:
        found = capability(worker)
        if len(able) < _KINDS and not missing_tags(signature, found):
            # what tells one from another only to refuse or avoid it makes no kind here
            able[Capability(provided=found.provided, required=found.required, kind="")] = None
    signatures = {request.signature_id}.union(*map(compatible_signatures, able))
    ahead = _count_ahead(request, sorted(pk for pk in signatures if pk is not None))
    plain = order_number(request.priority_base + request.priority_adjustment, request.created_at)
    return QueuePlace(
        ahead=min(ahead, AHEAD_LIMIT),
        is_bounded=ahead > AHEAD_LIMIT,
        late=timedelta(milliseconds=request.order - plain),
    )


def _count_ahead(request: WorkRequest, signatures: Sequence[int]) -> int:
    """How many requests of some signatures come before one; a bounded part of each."""
    arm = named_query("ahead_of_v1")
    total = 0
    for part in batched(signatures, _UNION_LIMIT):
        values = [value for pk in part for value in (pk, request.order, request.pk)]
        with connection.cursor() as cursor:
            cursor.execute(" UNION ALL ".join([arm] * len(part)), values)
            total += sum(count for (count,) in cursor.fetchall())
    return total
