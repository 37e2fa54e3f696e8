# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from datetime import timedelta
from typing import Any

from debusine.db.models import Attempt, WorkRequest
from debusine.server import scheduler
from debusine.server.actions.renew_lease import greet_worker, renew_lease
from debusine.server.actor import Actor
from debusine.server.idle_workers import wake_workers
from debusine.server.jobs.sweep import Sweeper, requeue_lapsed
from debusine.server.jobs.wake_idle import wake_idle
from debusine.testing import factories
from debusine.testing.clock import FakeClock
from debusine.util.clock import SystemClock


def later(**delta: float) -> Any:
    return SystemClock().now() + timedelta(**delta)


def test_lapsed_lease_makes_a_request_wait_again(db: None) -> None:
    running = factories.make_running(lease=timedelta(seconds=60))
    assert requeue_lapsed(later(seconds=50)) == 0
    assert requeue_lapsed(later(seconds=70)) == 1
    assert requeue_lapsed(later(seconds=70)) == 0
    row = WorkRequest.objects.get()
    assert (row.status, row.worker, row.started_at, row.retry_count) == ("pending", None, None, 1)
    attempt = Attempt.objects.get(pk=running.attempt.pk)
    assert (attempt.outcome, attempt.reason) == ("lost", "nothing was heard from the worker")


def test_request_is_given_up_after_the_fourth_lost_attempt(db: None) -> None:
    request = factories.make_work_request()
    for _ in range(4):
        factories.make_running(work_request=request)
        requeue_lapsed(later(minutes=2))
    row = WorkRequest.objects.get()
    assert (row.status, row.result, row.blame) == ("completed", "error", "environment")
    assert row.output_data["errors"][0]["code"] == "work-request-retry-limit-exceeded"


def test_nothing_lapses_right_after_a_start(db: None) -> None:
    running = factories.make_running(lease=timedelta(seconds=-100))
    clock = FakeClock(SystemClock().now())
    sweeper = Sweeper(clock)
    sweeper.sweep()
    clock.advance(59)
    sweeper.sweep()
    assert Attempt.objects.get(pk=running.attempt.pk).ended_at is None
    clock.advance(2)
    sweeper.sweep()
    assert Attempt.objects.get(pk=running.attempt.pk).outcome == "lost"


def test_sweep_without_work_is_few_queries(db: None, django_assert_num_queries: Any) -> None:
    clock = FakeClock(SystemClock().now())
    sweeper = Sweeper(clock)
    clock.advance(61)
    sweeper.sweep()
    # lapsed leases; events without position, events not read; due notifications and webhooks
    with django_assert_num_queries(5):
        sweeper.sweep()


def test_lost_wake_up_is_made_up_for(db: None) -> None:
    worker = factories.make_worker().worker
    factories.make_worker(connected=False)
    assert wake_idle(later()) == 0
    signature = scheduler.intern_signature(factories.NOOP_TAGS, [])
    factories.make_work_request(signature_id=signature)
    assert wake_idle(later()) == 1
    factories.make_running(worker=worker)
    assert wake_idle(later()) == 0


def test_leases_depend_on_what_the_worker_understands(db: None) -> None:
    old = factories.make_running()
    new = factories.make_running(worker=factories.make_worker(features=("heartbeat",)).worker)
    now = SystemClock().now()
    for running in (old, new):
        actor = Actor(worker=running.attempt.worker)
        renew_lease(actor, running=[running.work_request.pk], now=now)
        running.attempt.refresh_from_db()
    assert old.attempt.lease_until == now + timedelta(minutes=10)
    assert new.attempt.lease_until == now + timedelta(seconds=60)


def test_greeting_names_what_is_to_be_stopped(db: None) -> None:
    worker = factories.make_worker().worker
    own = factories.make_running(worker=worker).work_request.pk
    gone = factories.make_work_request().pk
    foreign = greet_worker(
        Actor(worker=worker), features=["heartbeat"], running=[own, gone], now=SystemClock().now()
    )
    assert foreign == {gone}
    worker.refresh_from_db()
    assert worker.features == ["heartbeat"]


def test_waking_costs_the_same_for_many_workers(
    db: None, django_assert_max_num_queries: Any
) -> None:
    for _ in range(40):
        factories.make_worker()
    factories.make_worker(tags=("worker:type:signing",))
    signature = scheduler.intern_signature(factories.NOOP_TAGS, [])
    factories.make_work_request(signature_id=signature)
    wake_workers(signature)
    # which kinds there are; for each, the version of the signatures; workers of one, in two parts
    with django_assert_max_num_queries(5):
        wake_workers(signature)
