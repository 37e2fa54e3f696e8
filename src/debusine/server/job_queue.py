# SPDX-License-Identifier: GPL-3.0-or-later
"""
Jobs for later, or for another process: a name and ids, told to whoever runs jobs.

Like a wake-up, a message is a hint. What is to be done stands in the database; who
misses a message finds it at the next sweep. So nothing here fails, and who tells does
not wait for a broker that is away.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from enum import StrEnum
from functools import partial

import structlog
from django.db import transaction

# how long a broker that fails is left alone
_PAUSE_S = 5.0
# what is told before somebody listens; a sweep finds the rest
_KEPT = 1000

log = structlog.get_logger(__name__)


class Queue(StrEnum):
    """Where jobs wait; each queue has threads of its own."""

    BOOKKEEPING = "bookkeeping"
    SERVER_TASKS = "server-tasks"


Sender = Callable[[str, Sequence[int], Queue], None]
"""Gives a message to the broker: name of the job, ids, queue; may raise anything."""


class JobQueue:
    """The way to the broker; one per process."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._sender: Sender | None = None
        self._early: deque[tuple[str, Sequence[int], Queue]] = deque(maxlen=_KEPT)
        self._resume_at = 0.0

    def connect(self, sender: Sender) -> Sender | None:
        """
        Send from now on, beginning with what was told before.

        :returns: by whom it was sent until now
        """
        with self._lock:
            before, self._sender = self._sender, sender
            early, self._early = self._early, deque(maxlen=_KEPT)
        for message in early:
            self.send(*message)
        return before

    def disconnect(self) -> None:
        """Keep what is told from now on."""
        with self._lock:
            self._sender = None

    def send(self, job: str, ids: Sequence[int], queue: Queue) -> bool:
        """
        Tell of a job.

        :returns: False if the broker did not take it
        """
        with self._lock:
            if self._sender is None:
                self._early.append((job, ids, queue))
                return True
            sender = self._sender
            if self._monotonic() < self._resume_at:
                return False
        try:
            sender(job, ids, queue)
        except Exception as error:  # noqa: BLE001  brokers raise what they like, and it is a hint
            self._resume_at = self._monotonic() + _PAUSE_S
            log.warning("job-message-lost", job=job, problem=str(error))
            return False
        return True


_queue = JobQueue()
connect = _queue.connect
disconnect = _queue.disconnect


def send(job: str, *ids: int, queue: Queue = Queue.BOOKKEEPING) -> bool:
    """
    Tell whoever runs jobs about one, from any thread; never fails.

    :param job: name of a module of :mod:`debusine.server.jobs`
    :param ids: of the rows it is about
    :param queue: the one that the module names
    :returns: False if the broker did not take it
    """
    return _queue.send(job, ids, queue)


def send_on_commit(job: str, *ids: int, queue: Queue = Queue.BOOKKEEPING) -> None:
    """Tell of a job once the transaction is committed; as :func:`send`."""
    transaction.on_commit(partial(send, job, *ids, queue=queue))
