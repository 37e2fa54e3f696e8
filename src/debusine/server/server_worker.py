# SPDX-License-Identifier: GPL-3.0-or-later
"""
The process as a worker: the row under which it runs tasks of the server.

It claims, renews leases and reports like any agent, only without a socket between.
"""

from __future__ import annotations

import socket
import threading
from dataclasses import dataclass

import structlog
from django.conf import settings
from django.db import DatabaseError, close_old_connections, connections
from django.utils.text import slugify

from debusine.db.models import Attempt, Worker
from debusine.server.actions.claim_work_request import (
    Assignment,
    ContentionError,
    claim_work_request,
)
from debusine.server.actions.complete_work_request import LateReportError, complete_work_request
from debusine.server.actions.hand_back_work_request import hand_back_work_request
from debusine.server.actions.register_server_worker import register_server_worker
from debusine.server.actions.renew_lease import renew_lease
from debusine.server.actions.requeue_work_request import requeue_work_request
from debusine.server.actor import SYSTEM, Actor, hash_key
from debusine.server.full_disk import log_failure
from debusine.server.server_task import DatabaseLostError, make_server_task, run_task
from debusine.server.tasks.base import AnyServerTask
from debusine.util.clock import Clock, SystemClock
from debusine.wire.work_request import WorkRequestCompleted

# how soon a task hears that it was aborted
_LOOK_EVERY_S = 1.0
# tasks that end soon when they are told to may do so
_STOP_PATIENCE_S = 3.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Running:
    task: AnyServerTask
    attempt: Attempt


class ServerWorker:
    """
    Runs tasks in whatever thread asks it to, and shows meanwhile that it lives.

    :param slots: how many tasks at a time
    :param holder: see :func:`register_server_worker`
    """

    def __init__(self, *, slots: int, holder: str = "", clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._slots = slots
        self._holder = holder
        self._free = threading.BoundedSemaphore(slots)
        self._lock = threading.Lock()
        self._claiming = threading.Lock()
        # by attempt: a lost one may still be running when the next one of its request begins
        self._held: dict[int, int] = {}
        self._running: dict[int, _Running] = {}
        self._stopping = threading.Event()
        self._changed = threading.Event()
        self._row: Worker | None = None
        self._pulse = threading.Thread(target=self._beat, name="server-worker", daemon=True)

    def start(self) -> None:
        """Take a row, at once if the database lets us, and begin to show signs of life."""
        self._try_register()
        self._pulse.start()

    def stop(self) -> None:
        """Stop what runs, hand it back, and give up the row."""
        self._stopping.set()
        self._changed.set()
        self._pulse.join(_STOP_PATIENCE_S)
        with self._lock:
            running = list(self._running.values())
        for one in running:
            one.task.abort()
            hand_back_work_request(
                SYSTEM, attempt=one.attempt, reason="the server stopped", now=self._clock.now()
            )
        if self._row is None:
            return
        Worker.objects.filter(pk=self._row.pk, connected_at=self._row.connected_at).update(
            connected_at=None, disconnected_at=self._clock.now()
        )

    def run_waiting(self) -> int:
        """
        Run what waits, one after the other, until nothing does that fits; needs a free slot.

        :returns: how many tasks were run
        """
        count = 0
        if not self._free.acquire(blocking=False):
            return count
        try:
            while not self._stopping.is_set():
                # whoever claims says what runs: everything that was claimed before
                with self._claiming:
                    assignment = self._claim()
                    if assignment is None:
                        break
                    self._held[assignment.attempt.pk] = assignment.work_request.pk
                try:
                    self._run(assignment)
                finally:
                    del self._held[assignment.attempt.pk]
                count += 1
        finally:
            self._free.release()
        return count

    def run_apart(self) -> None:
        """Run what waits, as :meth:`run_waiting`, in a thread that then ends."""
        try:
            self.run_waiting()
        except Exception as error:  # noqa: BLE001  the next sweep tries again
            log_failure("job-failed", error, job="run_server_task")
        finally:
            connections.close_all()

    def is_row(self, worker_id: int) -> bool:
        """Whether the process is this worker."""
        return self._row is not None and self._row.pk == worker_id

    def _try_register(self) -> None:
        name = slugify(f"celery-{socket.gethostname()}".replace(".", "-"))[:240]
        try:
            self._row = register_server_worker(
                SYSTEM, name=name, slots=self._slots, holder=self._holder, now=self._clock.now()
            )
        except DatabaseError as error:
            log_failure("server-worker-not-registered", error)
        else:
            log.info("server-worker-started", worker=self._row.name, slots=self._slots)

    def _claim(self) -> Assignment | None:
        if self._row is None:
            return None
        # somebody may have disabled or drained it
        worker = Worker.objects.select_related("token").get(pk=self._row.pk)
        if worker.token is None or not worker.token.enabled:
            return None
        running = list(self._held.values())
        try:
            return claim_work_request(Actor(worker=worker), running=running, now=self._clock.now())
        except ContentionError:
            return None

    def _run(self, assignment: Assignment) -> None:
        request, attempt = assignment.work_request, assignment.attempt
        task = make_server_task(request, attempt, now=self._clock.now)
        if isinstance(task, WorkRequestCompleted):
            self._report(assignment, task)
            return
        with self._lock:
            self._running[attempt.pk] = _Running(task=task, attempt=attempt)
        self._changed.set()
        try:
            self._report(assignment, run_task(task))
        except DatabaseLostError as error:
            log.warning("server-task-lost", work_request=request.pk, problem=str(error))
            close_old_connections()
            requeue_work_request(
                SYSTEM, attempt=attempt, reason=f"database: {error}", now=self._clock.now()
            )
        finally:
            with self._lock:
                del self._running[attempt.pk]

    def _report(self, assignment: Assignment, report: WorkRequestCompleted) -> None:
        try:
            complete_work_request(
                Actor(user=assignment.work_request.created_by, attempt=assignment.attempt),
                token_hash=hash_key(assignment.key),
                work_request_id=assignment.work_request.pk,
                report=report,
                now=self._clock.now(),
            )
        except LateReportError as error:
            log.info("late-report", work_request=assignment.work_request.pk, problem=error.details)

    def _beat(self) -> None:
        """Renew leases and the row's sign of life; tell tasks that they were aborted."""
        beat_s = settings.DEBUSINE.lease.total_seconds() / 4
        beat_at = self._clock.monotonic() + beat_s
        while True:
            with self._lock:
                running = dict(self._running)
            pause_s = beat_at - self._clock.monotonic()
            if running or self._row is None:
                pause_s = min(pause_s, _LOOK_EVERY_S)
            self._changed.wait(max(0.0, pause_s))
            self._changed.clear()
            if self._stopping.is_set():
                break
            close_old_connections()
            try:
                if self._row is None:
                    self._try_register()
                elif self._clock.monotonic() >= beat_at:
                    beat_at = self._clock.monotonic() + beat_s
                    self._show_life(self._row, running)
                elif running:
                    _abort_ended(running)
            except Exception as error:  # noqa: BLE001  the next beat may be luckier
                log_failure("server-worker-beat-failed", error)
        connections.close_all()

    def _show_life(self, row: Worker, running: dict[int, _Running]) -> None:
        now = self._clock.now()
        Worker.objects.filter(pk=row.pk).update(dynamic_metadata_updated_at=now)
        held = [one.attempt.work_request_id for one in running.values()]
        if held:
            renew_lease(Actor(worker=row), running=held, now=now)
            _abort_ended(running)


def _abort_ended(running: dict[int, _Running]) -> None:
    """Stop tasks whose attempts ended otherwise; one query."""
    ids = {one.attempt.pk: one for one in running.values()}
    ended = Attempt.objects.filter(pk__in=ids, ended_at__isnull=False).values_list("pk", flat=True)
    for pk in ended:
        ids[pk].task.abort()
