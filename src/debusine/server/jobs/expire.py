# SPDX-License-Identifier: GPL-3.0-or-later
"""Remove, at night, what nobody was promised any longer."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from itertools import islice
from pathlib import Path
from typing import Final

import structlog
from django.conf import settings

from debusine.db.models import Attempt, Enrolment, Timer, Token
from debusine.server import events
from debusine.server.job_queue import Queue
from debusine.server.jobs.abandoned import remove_abandoned
from debusine.server.jobs.collection_history import forget_items, forget_links
from debusine.server.jobs.expired_artifacts import remove_artifacts
from debusine.server.jobs.expired_requests import remove_requests
from debusine.server.jobs.terminal_logs import remove_terminal_logs
from debusine.server.jobs.unused import (
    mark_signatures,
    release_signatures,
    remove_signatures,
    remove_workers,
)
from debusine.server.jobs.unused_files import remove_files
from debusine.server.timer import set_timer
from debusine.util.clock import SystemClock

QUEUE: Final = Queue.BOOKKEEPING
TIMER: Final = "expire"
BATCH = 500
# no client waits that long
ENROLMENT_MAX_AGE = timedelta(days=1)
_HOUR = time(3, tzinfo=UTC)

log = structlog.get_logger(__name__)


def run() -> None:
    """
    Remove everything that may go, part by part; killed in between, it is begun anew.

    Once it is through, it is due the next night.
    """
    now = SystemClock().now()
    for step in _STEPS:
        removed = 0
        while count := step(now):
            removed += count
        if removed:
            log.info("expired", step=step.__name__, count=removed)
    set_timer(TIMER, "", next_night(now))


def schedule(now: datetime) -> None:
    """Have it done the next night, unless that is known; one query."""
    Timer.objects.get_or_create(kind=TIMER, key="", defaults={"due_at": next_night(now)})


def next_night(now: datetime) -> datetime:
    """
    Three o'clock, UTC.

    >>> next_night(datetime(2026, 1, 1, 3, tzinfo=UTC)).isoformat()
    '2026-01-02T03:00:00+00:00'
    >>> next_night(datetime(2026, 1, 1, 2, tzinfo=UTC)).isoformat()
    '2026-01-01T03:00:00+00:00'
    """
    today = datetime.combine(now.astimezone(UTC).date(), _HOUR)
    return today if today > now else today + timedelta(days=1)


def remove_uploads(now: datetime) -> int:
    """
    Remove a part of what nobody goes on uploading.

    :returns: how much was done; 0 if nothing is left
    """
    server = settings.DEBUSINE
    return remove_abandoned(
        server.upload_dir,
        before=now - server.upload_max_idle,
        writing=server.store_dir / "tmp",
    )


def remove_old_events(now: datetime) -> int:
    """
    Forget a part of the events that nobody was promised any longer.

    :returns: how many there were; 0 if none is left
    """
    return events.remove_old(before=now - settings.DEBUSINE.event_max_age)


def remove_tokens(now: datetime) -> int:
    """
    Forget a part of the tokens that have expired, but for those of workers.

    :returns: how many there were; 0 if none is left
    """
    expired = Token.objects.filter(expire_at__lt=now, worker__isnull=True).order_by("pk")
    pks = list(expired.values_list("pk", flat=True)[:BATCH])
    Token.objects.filter(pk__in=pks).delete()
    return len(pks)


def remove_enrolments(now: datetime) -> int:
    """
    Forget clients that still seem to wait to be let in, as their server was killed.

    :returns: how many there were; 0 if none is left
    """
    removed, _ = Enrolment.objects.filter(created_at__lt=now - ENROLMENT_MAX_AGE).delete()
    return removed


def remove_logs(now: datetime) -> int:
    """
    Remove a part of the logs of attempts that ended long ago.

    :returns: how many files there were; 0 if none is left
    """
    old = _old_logs(settings.DEBUSINE.log_dir, now - settings.DEBUSINE.log_max_age)
    removed = 0
    while not removed and (paths := list(islice(old, BATCH))):
        running = set(
            Attempt.objects.filter(
                pk__in={int(path.stem) for path in paths}, ended_at=None
            ).values_list("pk", flat=True)
        )
        for path in paths:
            if int(path.stem) not in running:
                path.unlink(missing_ok=True)
                removed += 1
    return removed


def _old_logs(directory: Path, before: datetime) -> Iterator[Path]:
    """Files of logs that nothing was added to since then."""
    if not directory.is_dir():
        return
    for path in directory.iterdir():
        if path.stem.isdecimal() and path.suffix in {".log", ".index"}:
            try:
                written_at = datetime.fromtimestamp(path.stat().st_mtime, tz=UTC)
            except FileNotFoundError:
                continue
            if written_at < before:
                yield path


# each does a part and says how much it was, 0: it is through. What goes may have kept what
# comes after it: requests keep items, items and artifacts keep artifacts, these keep files
_STEPS = (
    remove_uploads,
    remove_requests,
    forget_links,
    forget_items,
    remove_artifacts,
    remove_files,
    remove_old_events,
    remove_tokens,
    remove_enrolments,
    remove_logs,
    remove_terminal_logs,
    remove_workers,
    release_signatures,
    remove_signatures,
    mark_signatures,
)
