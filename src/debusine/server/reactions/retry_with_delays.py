# SPDX-License-Identifier: GPL-3.0-or-later
"""``retry-with-delays``: try a part of a workflow again, each time after a longer while."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from debusine.db.models import WorkRequest
from debusine.errors import UserError
from debusine.server.actions.retry_work_request import supersede
from debusine.tasks.reactions import RetryWithDelays

ACTION: Final = "retry-with-delays"
_COUNT = "retry_count"


def react(request: WorkRequest, wanted: Mapping[str, Any], *, now: datetime) -> None:
    """
    Make a request that supersedes this one and waits for its delay, unless all are used up.

    :param request: with workspace, scope and author loaded
    :raises UserError: if it is no part of a workflow
    """
    if request.parent_id is None:
        raise UserError(f"{ACTION} is only for parts of workflows")
    so_far = int(request.workflow_data.get(_COUNT, 0))
    delay = RetryWithDelays.model_validate(wanted).delay(so_far)
    if delay is not None:
        supersede(
            request,
            user=request.created_by,
            now=now,
            not_before=now + delay,
            workflow_data={**request.workflow_data, _COUNT: so_far + 1},
        )
