# SPDX-License-Identifier: GPL-3.0-or-later
"""
The jobs there are: each module of ``debusine.server.jobs`` that names a queue.

``QUEUE`` says where it waits, ``run`` does it and takes the ids that the message holds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

import structlog
from django.db import connections

from debusine.server.job_queue import Queue
from debusine.util.discovery import load_all

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """Something to do for some rows; safe to run twice."""

    name: str
    queue: Queue
    run: Callable[..., object]


def all_jobs() -> list[Job]:
    """Every job, sorted by name."""
    return [
        Job(name=module.__name__.rpartition(".")[2], queue=module.QUEUE, run=module.run)
        for module in load_all("debusine.server.jobs")
        if hasattr(module, "QUEUE")
    ]


def register(app: Any) -> None:
    """Make the jobs known to a Celery application."""
    for job in all_jobs():
        app.task(name=job.name, shared=False)(_guarded(job))


def _guarded(job: Job) -> Callable[..., None]:
    """Run in a thread of a pool, which holds no connection between jobs."""

    @wraps(job.run)
    def run(*ids: int) -> None:
        try:
            job.run(*ids)
        except Exception:
            # what it left undone stands in the rows, where the sweep finds it
            log.exception("job-failed", job=job.name, ids=list(ids))
        finally:
            connections.close_all()

    return run
