# SPDX-License-Identifier: GPL-3.0-or-later
"""Ends that cross each other wait for each other, and none of them is undone for it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection

from debusine.db.models import User, WorkRequest, Workspace
from debusine.errors import ConflictError
from debusine.server.actions.abort_work_request import abort_work_request
from debusine.server.actions.complete_work_request import LateReportError, complete_work_request
from debusine.server.actions.create_work_request import create_work_request
from debusine.server.actor import Actor
from debusine.testing import factories
from debusine.testing.factories import RunningWithKey
from debusine.testing.waiting import wait_for
from debusine.util.clock import SystemClock
from debusine.wire.work_request import WorkRequestCompleted

pytestmark = pytest.mark.django_db(transaction=True)
NOW = SystemClock().now()
WAITING = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'
"""


class Crossing:
    """Two transactions: the first stops before a statement until the second waits for it."""

    def __init__(self, words: str) -> None:
        self._words = words
        self._is_there = threading.Event()
        self._go_on = threading.Event()

    def run(self, first: Callable[[], None], second: Callable[[], None]) -> list[Any]:
        """Run both; what each raised, or None."""
        with ThreadPoolExecutor(2) as threads:
            futures: list[Future[None]] = [threads.submit(self._first, first)]
            try:
                wait_for(self._is_there.is_set)
                futures.append(threads.submit(self._second, second))
                if connection.vendor == "postgresql":
                    wait_for(self._second_waits)
            finally:
                self._go_on.set()
            return [future.exception() for future in futures]

    def _first(self, act: Callable[[], None]) -> None:
        with connection.execute_wrapper(self._stop):
            self._second(act)

    @staticmethod
    def _second(act: Callable[[], None]) -> None:
        try:
            act()
        finally:
            connection.close()

    def _stop(self, execute: Any, sql: str, *rest: Any) -> Any:
        if not self._is_there.is_set() and self._words in sql:
            self._is_there.set()
            self._go_on.wait()
        return execute(sql, *rest)

    @staticmethod
    def _second_waits() -> bool:
        with connection.cursor() as cursor:
            cursor.execute(WAITING)
            (count,) = cursor.fetchone()
        return bool(count)


@pytest.fixture
def boss(user: User) -> Actor:
    return Actor(user=user)


def complete(running: RunningWithKey) -> Callable[[], None]:
    def act() -> None:
        complete_work_request(
            Actor(user=running.work_request.created_by, attempt=running.attempt),
            token_hash=running.attempt.token_hash,
            work_request_id=running.work_request.pk,
            report=WorkRequestCompleted(result="success"),
            now=NOW,
        )

    return act


def abort(boss: Actor, request: WorkRequest) -> Callable[[], None]:
    return lambda: abort_work_request(boss, request=request, now=NOW)


def test_a_report_and_an_abort_of_the_same_request(boss: Actor, workspace: Workspace) -> None:
    running = factories.make_running(workspace=workspace)
    crossing = Crossing('UPDATE "db_workrequest"')
    reported, aborted = crossing.run(complete(running), abort(boss, running.work_request))
    assert reported is None
    assert isinstance(aborted, ConflictError), aborted
    running.work_request.refresh_from_db()
    assert running.work_request.status == "completed"


def test_an_abort_and_a_report_of_the_same_request(boss: Actor, workspace: Workspace) -> None:
    running = factories.make_running(workspace=workspace)
    crossing = Crossing('UPDATE "db_attempt"')
    aborted, reported = crossing.run(abort(boss, running.work_request), complete(running))
    assert aborted is None
    assert isinstance(reported, LateReportError), reported


def test_a_tree_that_is_aborted_while_a_part_of_it_ends(boss: Actor, workspace: Workspace) -> None:
    top, part = (
        create_work_request(boss, workspace=workspace, task_name="noop", data={}, now=NOW)
        for _ in range(2)
    )
    WorkRequest.objects.filter(pk=part.pk).update(parent=top)
    running = factories.make_running(work_request=part)
    after = create_work_request(
        boss, workspace=workspace, task_name="noop", data={}, dependencies=[top, part], now=NOW
    )
    crossing = Crossing("FOR UPDATE" if connection.vendor == "postgresql" else "unmet_dependencies")
    reported, aborted = crossing.run(complete(running), abort(boss, top))
    assert (reported, aborted) == (None, None)
    for row, status in ((top, "aborted"), (part, "completed"), (after, "blocked")):
        row.refresh_from_db()
        assert row.status == status
    assert after.unmet_dependencies == 0
