# SPDX-License-Identifier: GPL-3.0-or-later
"""Let a request have the result of an earlier one that did the same."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import structlog

from debusine.db.models import Attempt, WorkRequest, Workspace
from debusine.domain.action_key import Network
from debusine.domain.result import WorkRequestResults
from debusine.domain.work_request import WorkRequestStatus
from debusine.server import task_data
from debusine.server.access import visible_workspaces
from debusine.server.action import action
from debusine.server.action_key import key_of
from debusine.server.actions.complete_work_request import announce_end
from debusine.server.actor import Actor
from debusine.server.produced import artifact_ids_of
from debusine.server.react import react_to
from debusine.tasks.inputs.stage import Stage

# those whose artifacts have gone are passed over
_TRIES = 20

log = structlog.get_logger(__name__)


@action
def reuse_result(
    _actor: Actor,
    *,
    request: WorkRequest,
    apt_indexes: Mapping[str, str] | None = None,
    now: datetime,
) -> bool:
    """
    End a pending request at once if an earlier one did the same; it says whose result it is.

    What that one took is not said of this one, which took nothing.

    :param request: workspace, scope and creator loaded
    :param apt_indexes: SHA-256 of the index of every archive that the task reads, as whoever
        asks sees them now; for a task that uses APT, the earlier one must have read these
        and no others
    :returns: False if there is no such result, or the request waits no longer
    """
    found = _find(request, apt_indexes or {})
    if found is None:
        return False
    origin, dynamic_data = found
    output = dict(origin.output_data or {})
    output.pop("runtime_statistics", None)
    changed = WorkRequest.objects.filter(
        pk=request.pk, status=WorkRequestStatus.PENDING.value
    ).update(
        status=WorkRequestStatus.COMPLETED.value,
        result=origin.result,
        completed_at=now,
        dynamic_task_data=dynamic_data,
        output_data=output or None,
        reused_from=origin,
    )
    if not changed:
        return False
    request.refresh_from_db()
    react_to(request, now=now)
    announce_end(request)
    log.info("result-reused", work_request=request.pk, origin=origin.pk)
    return True


def _find(
    request: WorkRequest, apt_indexes: Mapping[str, str]
) -> tuple[WorkRequest, dict[str, Any]] | None:
    """
    Find a request whose result will do for another one.

    It has succeeded with the same action, still has everything that it made, and is
    visible to who asks. What APT fetched, the task does not know before it runs; so for
    those who use it, somebody else must have looked.

    :returns: that request, and the dynamic data of this one
    """
    try:
        task = task_data.build_task(request)
        reads_apt = task.NETWORK is Network.APT
        if task.NETWORK is Network.UNKNOWN or (reads_apt and not apt_indexes):
            return None
        task_data.resolve(request, task, Stage.RUNNING)
        dynamic = task_data.dynamic_data(task)
        key = key_of(task, dynamic)
    except task_data.TaskDataError:
        # who gives it to a worker says so
        return None
    origin = _origin(key, request, apt_indexes if reads_apt else None) if key else None
    return None if origin is None else (origin, dynamic)


def _origin(
    key: str, request: WorkRequest, apt_indexes: Mapping[str, str] | None
) -> WorkRequest | None:
    visible = Workspace.objects.filter(visible_workspaces(Actor(user=request.created_by)))
    attempts = (
        Attempt.objects.filter(
            action_key=key,
            outcome=WorkRequestResults.SUCCESS.value,
            artifact_count__isnull=False,
            work_request__status=WorkRequestStatus.COMPLETED.value,
            work_request__workspace__in=visible,
        )
        .select_related("work_request")
        .order_by("-pk")
    )
    for attempt in attempts[:_TRIES]:
        output = attempt.work_request.output_data or {}
        if output.get("network"):
            # its work could read more than what is recorded
            continue
        if apt_indexes is not None and output.get("apt_indexes") != apt_indexes:
            continue
        if len(artifact_ids_of(attempt.work_request)) == attempt.artifact_count:
            return attempt.work_request
    return None
