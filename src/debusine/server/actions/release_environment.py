# SPDX-License-Identifier: GPL-3.0-or-later
"""Keep an environment no longer, or not at all."""

from __future__ import annotations

from datetime import datetime

from debusine.db.models import Hold, WorkRequest
from debusine.domain.hold import HoldState
from debusine.domain.permission import Verb
from debusine.errors import ConflictError
from debusine.server import wake
from debusine.server.access import require
from debusine.server.action import action
from debusine.server.actions.hold_environment import CHANGED
from debusine.server.actor import Actor
from debusine.server.views.hold import latest_hold, state_of

TITLE = "Cannot release the environment"


@action
def release_environment(actor: Actor, *, request: WorkRequest, now: datetime) -> Hold:
    """
    Have the worker end an environment; a wish that it did not follow yet ends at once.

    :param request: with workspace and scope loaded
    :raises PermissionDeniedError: unless the actor may create requests here
    :raises ConflictError: if nothing is kept, or is to be
    """
    actor.require_user()
    require(actor, Verb.CREATE_WORK_REQUESTS, request.workspace)
    hold = latest_hold(request.pk)
    state = HoldState.NONE if hold is None else state_of(hold, request, now=now)[0]
    if hold is None or state not in {HoldState.WANTED, HoldState.HELD}:
        raise ConflictError(
            TITLE, details=f"Nothing is kept, or is to be, of work request {request.pk}."
        )
    hold.release_requested_at = now
    if state is HoldState.WANTED:
        hold.ended_at, hold.reason = now, "it was released"
    hold.save(update_fields=["release_requested_at", "ended_at", "reason"])
    worker = hold.worker_id or request.worker_id
    if worker is not None:
        released = {"type": "hold.released", "work_request_id": request.pk}
        message = CHANGED if state is HoldState.HELD else released
        wake.wake_on_commit(wake.worker_group(worker), message)
    return hold
