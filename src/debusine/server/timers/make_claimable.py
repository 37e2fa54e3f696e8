# SPDX-License-Identifier: GPL-3.0-or-later
"""Let workers have a request that was delayed, or kept from one of them."""

from __future__ import annotations

from datetime import datetime

from debusine.db.models import Timer, WorkRequest
from debusine.server import retry


def ring(timer: Timer, *, now: datetime) -> datetime | None:
    """Give the request the signature that the timer knows, unless it has ended."""
    request_id = int(timer.key)
    later: datetime | None = (
        WorkRequest.objects.filter(pk=request_id, delayed_until__gt=now)
        .values_list("delayed_until", flat=True)
        .first()
    )
    if later is None:
        retry.make_claimable(request_id, signature=timer.data.get("signature"))
    return later
