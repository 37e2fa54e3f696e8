# SPDX-License-Identifier: GPL-3.0-or-later
"""What workers ask: to join, for work, and to take their results."""

from __future__ import annotations

from dataclasses import asdict

from django.http import HttpRequest, HttpResponse
from ninja import Router

from debusine.api.answer import answer, empty
from debusine.api.parser import parse_json
from debusine.api.request import api_request
from debusine.errors import PermissionDeniedError, UserError
from debusine.server.actions.claim_work_request import claim_work_request
from debusine.server.actions.complete_work_request import complete_work_request
from debusine.server.actions.register_worker import register_worker
from debusine.server.actions.update_worker_metadata import update_worker_metadata
from debusine.server.actor import hash_key
from debusine.server.reservation import amount
from debusine.server.views.hold import wish_for
from debusine.server.views.work_request import view_work_request
from debusine.util.clock import SystemClock
from debusine.wire.work_request import AssignedWorkRequest, WorkRequestCompleted
from debusine.wire.worker import FEATURE_RESERVATION, NextWanted, Register, Reservation

router = Router()
_clock = SystemClock()


@router.post("/worker/register/", response={201: None})
def register(request: HttpRequest, body: Register) -> HttpResponse:
    """Let a worker join; it may work once an administrator has enabled it."""
    register_worker(
        api_request(request).actor,
        request=body,
        has_token_header="Token" in request.headers,
        now=_clock.now(),
    )
    return empty(201)


@router.put("/worker/dynamic-metadata/", response={204: None})
def update_metadata(request: HttpRequest) -> HttpResponse:
    """
    Take what a worker says about itself: any JSON object.

    :raises UserError: if it is something else
    """
    actor = api_request(request).actor
    actor.require_worker()
    try:
        metadata = parse_json(request.body)
    except (ValueError, RecursionError) as error:
        raise UserError("Error", details=f"JSON parse error: {error}") from error
    if not isinstance(metadata, dict):
        raise UserError("Error", details="The metadata are not a JSON object.")
    update_worker_metadata(actor, metadata=metadata, now=_clock.now())
    return empty(204)


@router.post("/work-request/get-next-for-worker/", response={200: AssignedWorkRequest, 204: None})
def get_next_for_worker(request: HttpRequest) -> HttpResponse:
    """Give a worker its next request, which runs from now on; 204 if there is none."""
    actor = api_request(request).actor
    assignment = claim_work_request(actor, running=_running(request), now=_clock.now())
    if assignment is None:
        return empty(204)
    record = view_work_request(assignment.work_request, is_fresh=assignment.attempt.number == 1)
    assigned = AssignedWorkRequest.model_construct(**dict(record), token=assignment.key)
    worker = actor.require_worker()
    additions: dict[str, object] = {}
    if FEATURE_RESERVATION in worker.features:
        additions["reservation"] = Reservation(**asdict(amount(assignment.attempt)))
    if (wish := wish_for(worker, record.id)) is not None:
        additions["hold"] = wish
    unknown = {"reservation", "hold"} - additions.keys()
    return answer(assigned.model_copy(update=additions), exclude=unknown)


def _running(request: HttpRequest) -> list[int] | None:
    """
    What a worker says that it runs; workers of 0.16 may send anything, or nothing.

    :raises UserError: if one of ours sends what we do not understand
    """
    try:
        return NextWanted.model_validate(parse_json(request.body or b"{}")).running
    except (ValueError, RecursionError) as error:
        raise UserError("Error", details=f"Not understood: {error}") from error


@router.put("/work-request/{int:work_request_id}/completed/", response={200: None})
def completed(
    request: HttpRequest, work_request_id: int, body: WorkRequestCompleted
) -> HttpResponse:
    """
    Take the result of an attempt; repeated reports are welcome.

    The token decides which attempt is meant, also when it is gone.

    :raises PermissionDeniedError: if no token is shown
    """
    key = request.headers.get("Token")
    if key is None:
        raise PermissionDeniedError("this needs the token of a running work request")
    complete_work_request(
        api_request(request).actor,
        token_hash=hash_key(key),
        work_request_id=work_request_id,
        report=body,
        now=_clock.now(),
    )
    return empty(200)
