# SPDX-License-Identifier: GPL-3.0-or-later
"""Workers with several slots get what fits; what runs took decides what the next one needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from debusine.db.models import Attempt, RunRecord, Signature, Worker, WorkRequest
from debusine.domain.resources import HOLD_AFTER, ONE_SLOT, Offer, Resources
from debusine.server import scheduler
from debusine.server.actions.claim_work_request import Assignment, claim_work_request
from debusine.server.actions.complete_work_request import complete_work_request
from debusine.server.actions.create_work_request import create_work_request
from debusine.server.actions.renew_lease import greet_worker
from debusine.server.actor import Actor
from debusine.server.idle_workers import wake_workers
from debusine.server.jobs.oversize import cut_to_size
from debusine.server.jobs.sweep import requeue_lapsed
from debusine.server.jobs.wake_idle import wake_idle
from debusine.server.reservation import amount
from debusine.testing import factories
from debusine.util.clock import SystemClock
from debusine.wire.work_request import (
    OutputData,
    OutputError,
    RuntimeStatistics,
    WorkRequestCompleted,
)

NOW = SystemClock().now()
FEATURES = ["heartbeat", "reservation"]
FOUR = Offer(slots=4, memory_mib=8192, disk_mib=40960, cpu_count=8)
MIB = 1024**2


@pytest.fixture
def author(db: None) -> Actor:
    return Actor(user=factories.make_user(superuser=True))


@pytest.fixture
def make(author: Actor) -> Callable[..., WorkRequest]:
    place = factories.make_workspace()

    def make(need: Resources | None = None, *, now: datetime = NOW) -> WorkRequest:
        request = create_work_request(author, workspace=place, task_name="noop", data={}, now=now)
        if need is not None:
            request.signature_id = scheduler.signature_for(request, need)
            request.save()
        return request

    return make


@pytest.fixture
def worker(db: None) -> Actor:
    return join(FOUR)


def join(offer: Offer = ONE_SLOT) -> Actor:
    """A worker that has said what it has."""
    row = factories.make_worker().worker
    actor = Actor(worker=row)
    greet_worker(actor, features=FEATURES, running=[], offer=offer, now=NOW)
    return actor


def claim(worker: Actor, *running: WorkRequest, now: datetime = NOW) -> WorkRequest | None:
    got = claim_work_request(worker, running=[one.pk for one in running], now=now)
    return None if got is None else got.work_request


def get(worker: Actor, *running: WorkRequest) -> Assignment:
    got = claim_work_request(worker, running=[one.pk for one in running], now=NOW)
    assert got is not None
    return got


def finish(got: Assignment, report: WorkRequestCompleted, *, now: datetime = NOW) -> None:
    complete_work_request(
        Actor(attempt=got.attempt),
        token_hash=got.attempt.token_hash,
        work_request_id=got.work_request.pk,
        report=report,
        now=now,
    )


def took(memory_mib: int, **more: int) -> WorkRequestCompleted:
    statistics = RuntimeStatistics(memory=memory_mib * MIB, **more)
    return WorkRequestCompleted(
        result="success", output_data=OutputData(runtime_statistics=statistics)
    )


def ran_out() -> WorkRequestCompleted:
    error = OutputError(message="too little", code="out-of-memory")
    return WorkRequestCompleted(result="failure", output_data=OutputData(errors=[error]))


def test_slots_are_filled_and_no_more(worker: Actor, make: Any) -> None:
    made = [make() for _ in range(5)]
    running: list[WorkRequest] = []
    for wanted in made[:4]:
        got = claim(worker, *running)
        assert got == wanted
        running.append(got)
    assert claim(worker, *running) is None
    shares = {amount(attempt) for attempt in Attempt.objects.all()}
    assert shares == {Resources(memory_mib=2048, disk_mib=10240, cpu_count=2)}


def test_what_it_does_not_run_it_has_lost(worker: Actor, make: Any) -> None:
    first, second = make(), make()
    assert claim(worker) == first
    # the answer never arrived, or it forgot
    assert claim(worker) == first
    assert claim(worker, first) == second
    outcomes = Attempt.objects.order_by("pk").values_list("work_request", "outcome")
    assert list(outcomes) == [(first.pk, "lost"), (first.pk, ""), (second.pk, "")]


def test_who_says_nothing_has_one_slot(make: Any, db: None) -> None:
    first, second = make(), make()
    old = Actor(worker=factories.make_worker().worker)
    got = claim_work_request(old, now=NOW)
    assert got is not None
    assert got.work_request == first
    assert amount(got.attempt) == Resources()
    again = claim_work_request(old, now=NOW)
    assert again is not None
    assert again.work_request == first
    assert WorkRequest.objects.get(pk=second.pk).status == "pending"


def test_needs_are_learned(worker: Actor, make: Any) -> None:
    make()
    finish(get(worker), took(900, disk_space=1500 * MIB, duration=100, cpu_time=250))
    later = make()
    need = Resources(memory_mib=2048, disk_mib=4096, cpu_count=4)
    assert amount(Signature.objects.get(pk=later.signature_id)) == need
    assert amount(get(worker).attempt) == need


def test_only_the_newest_runs_count(worker: Actor, make: Any) -> None:
    for number in range(23):
        make()
        memory = 100 if number >= 3 else 3000
        finish(get(worker), took(memory), now=NOW + timedelta(seconds=number))
    assert RunRecord.objects.count() == 20
    assert set(RunRecord.objects.values_list("memory_mib", flat=True)) == {100}
    assert make().signature.memory_mib == 256


def test_what_ran_out_of_memory_gets_twice_as_much(worker: Actor, make: Any, settings: Any) -> None:
    make()
    finish(get(worker), took(100))
    make()
    got = get(worker)
    assert got.attempt.memory_mib == 256
    finish(got, ran_out())
    record = RunRecord.objects.get(ran_out=True)
    assert record.memory_mib == 256
    WorkRequest.objects.update(status="aborted")
    assert make().signature.memory_mib == 512


def test_what_had_no_limit_teaches_nothing_by_running_out(make: Any, db: None) -> None:
    make()
    finish(get(join()), ran_out())
    assert not RunRecord.objects.exists()


def test_what_does_not_fit_is_passed_over_in_the_index(worker: Actor, make: Any) -> None:
    first = make(Resources(memory_mib=6144))
    big = make(Resources(memory_mib=4096))
    small = make(Resources(memory_mib=1024))
    assert claim(worker) == first
    assert claim(worker, first) == small
    assert claim(worker, first, small) is None
    assert claim(join(), first) == big


def test_what_waits_long_is_passed_over_no_more(worker: Actor, make: Any) -> None:
    running = make(Resources(memory_mib=4096))
    assert claim(worker) == running
    big = make(Resources(memory_mib=8192))
    small = make(Resources(memory_mib=1024))
    late = NOW + 4 * HOLD_AFTER
    assert claim(worker, running, now=late) is None
    Attempt.objects.update(ended_at=late)
    assert claim(worker, now=late) == big
    assert WorkRequest.objects.get(pk=small.pk).status == "pending"


def test_too_big_for_every_worker_is_cut_to_the_largest(worker: Actor, make: Any) -> None:
    huge = make(Resources(memory_mib=16384))
    assert claim(worker) is None
    assert cut_to_size(NOW) == 1
    assert cut_to_size(NOW) == 0
    assert claim(worker) == huge
    assert Attempt.objects.get().memory_mib == 8192


def test_nothing_is_cut_while_a_worker_may_come_back(worker: Actor, make: Any) -> None:
    make(Resources(memory_mib=16384))
    large = join(Offer(slots=2, memory_mib=32768)).worker
    gone = {"connected_at": None, "disconnected_at": NOW}
    Worker.objects.filter(pk=large.pk if large else 0).update(**gone)
    assert cut_to_size(NOW + timedelta(minutes=9)) == 0
    assert cut_to_size(NOW + timedelta(minutes=11)) == 1


def test_nothing_to_cut_is_one_query(
    worker: Actor, make: Any, django_assert_num_queries: Any
) -> None:
    make()
    with django_assert_num_queries(1):
        assert cut_to_size(NOW) == 0


def test_killed_with_two_running_loses_both_once(worker: Actor, make: Any) -> None:
    first, second = make(), make()
    claim(worker)
    claim(worker, first)
    assert requeue_lapsed(NOW + timedelta(seconds=30)) == 0
    assert requeue_lapsed(NOW + timedelta(seconds=70)) == 2
    other = join(FOUR)
    assert claim(other) == first
    assert claim(other, first) == second
    # it comes back and knows nothing of them
    greet_worker(worker, features=FEATURES, running=[], offer=FOUR, now=NOW)
    assert claim(worker) is None
    open_attempts = Attempt.objects.filter(ended_at=None)
    assert sorted(open_attempts.values_list("work_request", flat=True)) == [first.pk, second.pk]
    assert Attempt.objects.count() == 4


def test_a_restart_with_another_number_of_slots(worker: Actor, make: Any) -> None:
    greet_worker(worker, features=FEATURES, running=[], offer=ONE_SLOT, now=NOW)
    first = make()
    make()
    assert claim(worker) == first
    assert claim(worker, first) is None
    row = Worker.objects.get()
    assert (row.concurrency, row.memory_mib, row.cpu_count) == (1, None, None)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Workers that were woken."""
    woken: list[int] = []
    monkeypatch.setattr(scheduler, "wake_worker", lambda pk, *_: woken.append(pk) or True)
    return woken


def test_only_workers_with_room_are_woken(worker: Actor, make: Any, told: list[int]) -> None:
    busy = make(Resources(memory_mib=8192))
    assert claim(worker) == busy
    waiting = make(Resources(memory_mib=1024))
    wake_workers(waiting.signature_id or 0)
    assert told == []
    assert wake_idle(NOW) == 0
    free = join(FOUR).worker
    assert free is not None
    wake_workers(waiting.signature_id or 0)
    assert told == [free.pk]


def test_a_claim_asks_as_often_as_that_of_one_slot(make: Any, db: None) -> None:
    counts = []
    for offer in (ONE_SLOT, FOUR, FOUR):
        for need in (None, Resources(memory_mib=512), Resources(memory_mib=6144)):
            make(need)
        worker = join(offer)
        claim(join(offer))
        with CaptureQueriesContext(connection) as captured:
            claim(worker)
        counts.append(len(captured))
    assert len(set(counts)) == 1
