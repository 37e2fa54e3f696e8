# SPDX-License-Identifier: GPL-3.0-or-later
"""What a process that runs jobs has beside its Celery workers: a ticker, and a worker row."""

from __future__ import annotations

from collections.abc import Callable, Collection

from debusine.server import this_process, ticker
from debusine.server.job_queue import Queue
from debusine.server.server_worker import ServerWorker

_holder = ""


def set_holder(holder: str) -> None:
    """
    Say that this process is the only one of its kind.

    :param holder: what makes it so, see :func:`register_server_worker`
    """
    global _holder  # noqa: PLW0603  one per process
    _holder = holder


class JobsProcess:
    """
    What one Celery worker brings with it.

    :param queues: those that it takes jobs from
    :param threads: how many jobs it does at a time
    """

    def __init__(self, queues: Collection[Queue], *, threads: int) -> None:
        self._threads = threads
        self._runs_tasks = Queue.SERVER_TASKS in queues
        self._ends: list[Callable[[], None]] = []

    def begin(self) -> None:
        """Start it, before the first job comes."""
        if self._runs_tasks:
            worker = ServerWorker(slots=self._threads, holder=_holder)
            worker.start()
            this_process.set_runner(worker)
            self._ends += [worker.stop, lambda: this_process.set_runner(None)]
        ticker.acquire()
        self._ends.append(ticker.release)

    def end(self) -> None:
        """Stop it, unless that was done; what runs is handed back."""
        while self._ends:
            self._ends.pop()()
