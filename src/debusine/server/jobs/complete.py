# SPDX-License-Identifier: GPL-3.0-or-later
"""What follows from the end of a request, and may take long: others may run now, or never."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import structlog
from django.db.models import QuerySet

from debusine.db.models import WorkRequest
from debusine.server import dependants
from debusine.server.actions.release_work_request import release_work_request
from debusine.server.actor import SYSTEM
from debusine.server.job_queue import Queue
from debusine.util.clock import SystemClock

QUEUE: Final = Queue.BOOKKEEPING
# of lost messages, at each sweep
BATCH = 50

log = structlog.get_logger(__name__)


def run(work_request_id: int) -> None:
    """
    Look at the requests that waited for one.

    :param work_request_id: of the one that ended
    """
    waited = dependants.settled().filter(dependencies=work_request_id)
    _release(waited, now=SystemClock().now())


def release_settled(now: datetime) -> int:
    """
    Look at requests that nobody was told of; one query if there are none.

    :returns: how many were released or aborted
    """
    return _release(dependants.settled()[:BATCH], now=now)


def _release(requests: QuerySet[WorkRequest], *, now: datetime) -> int:
    released = 0
    for pk in list(requests.values_list("pk", flat=True)):
        try:
            released += release_work_request(SYSTEM, work_request_id=pk, now=now)
        except Exception:  # one that is broken must not keep others waiting
            log.exception("release-failed", work_request=pk)
    return released
