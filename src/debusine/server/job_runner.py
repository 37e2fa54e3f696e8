# SPDX-License-Identifier: GPL-3.0-or-later
"""
Celery workers in threads of a process that does other things as well, or nothing else.

Each queue has a worker of its own with threads of its own, so that a long task of the
server never holds up bookkeeping.
"""

from __future__ import annotations

import logging
import threading
from typing import Any

from celery.worker import state
from django.conf import settings

from debusine.server.celery import make_app
from debusine.server.job_queue import Queue
from debusine.server.jobs_process import set_holder

# one may expire things for minutes, one wait for webhooks, while another releases what waits
_BOOKKEEPING_THREADS = 3


class JobRunner:
    """
    Runs the jobs of all queues until stopped; one per process.

    :param holder: see :func:`debusine.server.jobs_process.set_holder`
    """

    def __init__(self, *, holder: str = "") -> None:
        set_holder(holder)
        threads = {
            Queue.BOOKKEEPING: _BOOKKEEPING_THREADS,
            Queue.SERVER_TASKS: settings.DEBUSINE.server_tasks,
        }
        self._workers = [_worker(queue, threads[queue]) for queue in Queue]
        self._threads = [
            threading.Thread(target=worker.start, name=worker.hostname, daemon=True)
            for worker in self._workers
        ]

    def start(self) -> None:
        """Begin, and go on beside the caller."""
        state.should_stop = None
        # says every job at INFO
        logging.getLogger("celery").setLevel(logging.WARNING)
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """
        Hand back what runs.

        Threads that wait for messages notice within two seconds, and nobody waits for them:
        a message that they take meanwhile is a hint that is lost.
        """
        state.should_stop = 0
        for worker in self._workers:
            process = getattr(worker, "debusine_process", None)
            if process is not None:
                process.end()

    def join(self, timeout_s: float) -> None:
        """Wait until all threads have ended."""
        for thread in self._threads:
            thread.join(timeout_s)


def _worker(queue: Queue, threads: int) -> Any:
    """A Celery worker that talks to nobody but its broker."""
    return make_app().WorkController(
        hostname=f"{queue.value}@debusine",
        queues=[queue.value],
        pool="threads",
        concurrency=threads,
        # the loop of events is one per process, and there are two workers
        use_eventloop=False,
        without_heartbeat=True,
        without_mingle=True,
        without_gossip=True,
        loglevel="WARNING",
    )
