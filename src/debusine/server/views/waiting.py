# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a work request waits."""

from __future__ import annotations

from debusine.db.models import Worker, WorkRequest
from debusine.domain.scheduling import SignatureTags, refusal_tag
from debusine.domain.waiting import Obstacles, explain_waiting
from debusine.domain.work_request import WorkRequestStatus
from debusine.server.scheduler import tags_decide
from debusine.server.worker_tags import capability
from debusine.wire.work_request import Waiting


def view_waiting(request: WorkRequest) -> Waiting:
    """Show what the workers that are connected lack to run a request; three queries."""
    return Waiting(reason=reason_for_waiting(request, connected=True))


def reason_for_waiting(request: WorkRequest, *, connected: bool = False) -> str | None:
    """
    Why no worker takes a request, for people; one query, and one for its signature.

    :param connected: whether only workers count that are there now
    :returns: None if some worker could, or if the request does not wait
    """
    if request.status != WorkRequestStatus.PENDING or request.signature is None:
        return None
    signature = SignatureTags(
        required=frozenset(request.signature.required_tags),
        provided=frozenset(request.signature.provided_tags),
    )
    known = Worker.objects.filter(token__enabled=True)
    workers = known.filter(connected_at__isnull=False) if connected else known
    found = {worker.name: _obstacles(request, signature, worker) for worker in workers}
    return explain_waiting(found, connected=connected)


def _obstacles(request: WorkRequest, signature: SignatureTags, worker: Worker) -> Obstacles:
    able = capability(worker)
    demanded = able.required - signature.provided
    is_refused = refusal_tag(able.kind) in signature.required
    if not tags_decide() and not is_refused:
        return Obstacles(demanded=demanded)
    # where metadata decided, tags say in words what the task is likely to have missed
    required = signature.required if tags_decide() else request.scheduler_tags_required
    lacking = frozenset(required) - able.provided
    return Obstacles(
        lacking=lacking,
        withheld=lacking.intersection(worker.tag_sources.get("withheld", ())),
        demanded=demanded,
        is_refused=is_refused and not tags_decide(),
    )
