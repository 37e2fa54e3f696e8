# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows of workers and signatures go at night, once nobody can need them."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import connection, transaction

from debusine.db.models import Attempt, Signature, Token, Worker, WorkRequest
from debusine.domain.resources import NOTHING
from debusine.server import scheduler
from debusine.server.actions.register_server_worker import register_server_worker
from debusine.server.actor import SYSTEM
from debusine.server.jobs import unused
from debusine.testing import factories
from debusine.util.clock import SystemClock

NOW = SystemClock().now()
DAY = timedelta(days=1)
OLD = NOW - settings.DEBUSINE.worker_max_idle - DAY


def gone(name: str, **fields: Any) -> Worker:
    values = {"worker_type": "celery", "connected": False, "name": name}
    worker = factories.make_worker(**(values | fields)).worker
    Worker.objects.filter(pk=worker.pk).update(registered_at=OLD, disconnected_at=OLD)
    return worker


def names() -> set[str]:
    return set(Worker.objects.values_list("name", flat=True))


def through(step: Any, now: datetime = NOW) -> int:
    total = 0
    while count := step(now):
        total += count
    return total


def test_workers_that_nobody_will_hear_of_again_go(db: None) -> None:
    gone("dead")
    gone("refused", worker_type="external", enabled=False)
    gone("agent", worker_type="external")
    gone("young")
    Worker.objects.filter(name="young").update(disconnected_at=NOW - DAY)
    gone("there")
    Worker.objects.filter(name="there").update(connected_at=OLD)
    gone("asks", worker_type="external", enabled=False)
    Worker.objects.filter(name="asks").update(registered_at=NOW - DAY, disconnected_at=None)
    tokens = Token.objects.count()
    assert through(unused.remove_workers) == 2
    assert names() == {"agent", "young", "there", "asks"}
    assert Token.objects.count() == tokens - 2


def test_what_it_did_stays_and_is_taken_from_it_in_parts(
    db: None, monkeypatch: pytest.MonkeyPatch, django_assert_max_num_queries: Any
) -> None:
    monkeypatch.setattr(unused, "BATCH", 2)
    worker = gone("dead")
    for _ in range(3):
        factories.make_running(worker=worker)
    assert through(unused.remove_workers) == 0, "it runs something"
    Attempt.objects.update(ended_at=OLD)
    WorkRequest.objects.update(status="completed")
    with django_assert_max_num_queries(9):
        assert unused.remove_workers(NOW) == 2
    assert through(unused.remove_workers) == 1 + 2 + 1 + 1
    assert names() == set()
    assert Attempt.objects.filter(worker=None).count() == 3


def test_one_that_comes_back_is_kept(transactional_db: None) -> None:
    gone("celery-host")
    row = register_server_worker(SYSTEM, name="celery-host", slots=1, now=NOW)
    assert through(unused.remove_workers) == 0
    assert names() == {row.name}


def intern(tag: str) -> int:
    return scheduler.intern_exactly([tag], [], NOTHING)


def request(signature: int, status: str = "pending") -> WorkRequest:
    made = factories.make_work_request()
    WorkRequest.objects.filter(pk=made.pk).update(signature=signature, status=status)
    return made


def test_signatures_go_a_day_after_the_last_one_waited_with_them(db: None) -> None:
    known = set(Signature.objects.values_list("pk", flat=True))
    waits, runs, ended, never = (intern(f"t{n}") for n in range(4))
    request(waits)
    request(runs, "running")
    done = [request(ended, status) for status in ("completed", "aborted")]
    assert unused.release_signatures(NOW) == 2
    assert through(unused.release_signatures) == 0
    assert set(WorkRequest.objects.filter(signature=None)) == set(done)
    through(unused.mark_signatures)
    assert unused.remove_signatures(NOW + DAY) == 0
    assert through(unused.remove_signatures, NOW + 2 * DAY) >= 2
    left = set(Signature.objects.values_list("pk", flat=True)) - known
    assert left == {waits, runs}
    assert intern("t3") not in {waits, runs, ended, never}


def test_who_uses_one_takes_the_note_away(db: None, django_assert_num_queries: Any) -> None:
    pk = intern("t")
    assert through(unused.mark_signatures) >= 1
    with django_assert_num_queries(2):
        assert intern("t") == pk
    with django_assert_num_queries(1):
        assert intern("t") == pk
    assert unused.remove_signatures(NOW + 2 * DAY) == 0
    assert Signature.objects.get(pk=pk).unused_since is None


def test_who_is_about_to_use_one_keeps_it(transactional_db: None) -> None:
    pk = intern("t")
    through(unused.mark_signatures)
    begun = threading.Event()

    def remove() -> None:
        try:
            begun.set()
            through(unused.remove_signatures, NOW + 2 * DAY)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as threads:
        with transaction.atomic():
            made = factories.make_work_request()
            WorkRequest.objects.filter(pk=made.pk).update(signature=intern("t"))
            other = threads.submit(remove)
            begun.wait()
        other.result()
    made.refresh_from_db()
    assert made.signature_id == pk
