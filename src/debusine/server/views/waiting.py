# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a work request waits."""

from __future__ import annotations

from debusine.db.models import WorkRequest
from debusine.domain.work_request import WorkRequestStatus
from debusine.server.scheduler import reason_for_waiting
from debusine.wire.work_request import Waiting


def view_waiting(request: WorkRequest) -> Waiting:
    """Show what the workers that are connected lack to run a request; three queries."""
    if request.status != WorkRequestStatus.PENDING or request.signature is None:
        return Waiting()
    return Waiting(reason=reason_for_waiting(request.signature, connected=True))
