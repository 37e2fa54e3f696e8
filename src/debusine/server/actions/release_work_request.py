# SPDX-License-Identifier: GPL-3.0-or-later
"""A request need not wait for others any longer: it may run now, or never."""

from __future__ import annotations

from datetime import datetime

from debusine.db.models import WorkRequest
from debusine.domain.result import WorkRequestResults
from debusine.domain.work_request import WorkRequestStatus
from debusine.server import dependants
from debusine.server.action import action
from debusine.server.actions.complete_work_request import announce_end
from debusine.server.actions.create_work_request import make_pending
from debusine.server.actor import Actor
from debusine.wire.work_request import OutputData, OutputError

DEPENDENCY_FAILED = "dependency-failed"


@action
def release_work_request(_actor: Actor, *, work_request_id: int, now: datetime) -> bool:
    """
    Let a blocked request whose dependencies have ended wait for a worker, or abort it.

    Its inputs are looked up now, as those before it may have made them.

    :returns: False if there is nothing to do, as it was done already
    """
    request = (
        WorkRequest.objects.select_related("workspace__scope", "created_by")
        .filter(
            pk=work_request_id,
            status=WorkRequestStatus.BLOCKED.value,
            unmet_dependencies=0,
        )
        .first()
    )
    if request is None:
        return False
    failed = dependants.failed_dependency(request)
    if failed is not None:
        return _abort(request, failed, now=now)
    make_pending(request, now=now, title="Cannot run work request")
    return True


def _abort(request: WorkRequest, failed: WorkRequest, *, now: datetime) -> bool:
    how = WorkRequestResults(failed.result).label or "Aborted"
    message = f"work request {failed.pk}, which it depends on, has ended: {how}"
    output = OutputData(errors=[OutputError(message=message, code=DEPENDENCY_FAILED)])
    changed = WorkRequest.objects.filter(
        pk=request.pk, status=WorkRequestStatus.BLOCKED.value
    ).update(
        status=WorkRequestStatus.ABORTED.value,
        completed_at=now,
        output_data=output.model_dump(mode="json", exclude_unset=True),
    )
    if changed:
        request.refresh_from_db()
        announce_end(request)
    return bool(changed)
