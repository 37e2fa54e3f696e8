# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a work request was not successful."""

from __future__ import annotations

from debusine.db.models import WorkRequest
from debusine.domain.result import Blame
from debusine.wire.work_request import WorkRequestOutcome


def view_outcome(request: WorkRequest) -> WorkRequestOutcome:
    """Show whose fault it is and why; no query."""
    errors = (request.output_data or {}).get("errors") or []
    blame = Blame(request.blame) if request.blame else None
    return WorkRequestOutcome.model_validate({"blame": blame, "errors": errors})
