# SPDX-License-Identifier: GPL-3.0-or-later
"""Have what is old removed; see :mod:`debusine.server.jobs.expire`."""

from __future__ import annotations

from datetime import datetime, timedelta

from debusine.db.models import Timer
from debusine.server import job_queue

# it sets the timer for the next night when it is through; if it never is, it is begun anew
_AGAIN = timedelta(hours=1)


def ring(timer: Timer, *, now: datetime) -> datetime:
    """Tell who runs jobs."""
    job_queue.send_on_commit(timer.kind)
    return now + _AGAIN
