# SPDX-License-Identifier: GPL-3.0-or-later
"""Which tags a work request and its worker have, and who says so."""

from __future__ import annotations

from debusine.db.models import WorkRequest
from debusine.wire.tags import WorkerTags, WorkRequestTags


def view_tags(request: WorkRequest) -> WorkRequestTags:
    """Show the tags of a request; one query, for its worker, unless that is loaded."""
    worker = request.worker
    found = None
    if worker is not None:
        found = WorkerTags.model_validate({"name": worker.name, **worker.tag_sources})
    return WorkRequestTags.model_validate({"worker": found, **request.tag_sources})
