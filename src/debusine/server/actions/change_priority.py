# SPDX-License-Identifier: GPL-3.0-or-later
"""Move a request in the queue."""

from __future__ import annotations

from debusine.db.models import WorkRequest
from debusine.domain.permission import Verb
from debusine.domain.scheduling import moved
from debusine.errors import PermissionDeniedError
from debusine.server.access import require
from debusine.server.action import action
from debusine.server.actor import Actor

PERMISSION = "db.manage_workrequest_priorities"


@action
def change_priority(actor: Actor, *, request: WorkRequest, adjustment: int) -> None:
    """
    Set the adjustment of a request's priority and its place in the queue.

    :param request: with workspace and scope loaded
    :param adjustment: positive ones move it before others
    :raises PermissionDeniedError: unless the actor may manage priorities, or moves its own back
    """
    user = actor.require_user()
    require(actor, Verb.CREATE_WORK_REQUESTS, request.workspace)
    is_own_step_back = adjustment <= 0 and user.pk == request.created_by_id
    if not is_own_step_back and not user.has_perm(PERMISSION):
        raise PermissionDeniedError(f"{actor.label} cannot set this priority on {request}")
    base = request.priority_base
    request.order = moved(
        request.order, before=base + request.priority_adjustment, after=base + adjustment
    )
    request.priority_adjustment = adjustment
    request.save(update_fields=["priority_adjustment", "order"])
