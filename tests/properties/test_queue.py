# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever happens in whatever order: one holder per request, one request per worker, one end."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from debusine.db.models import Attempt, Token, WorkRequest
from debusine.domain.scheduling import PRIORITY_LIMIT, order_number
from debusine.domain.work_request import ALLOWED_TRANSITIONS, WorkRequestStatus
from debusine.errors import DebusineError
from debusine.server import scheduler
from debusine.server.actions.abort_work_request import abort_work_request
from debusine.server.actions.claim_work_request import Assignment, claim_work_request
from debusine.server.actions.complete_work_request import complete_work_request
from debusine.server.actions.create_work_request import create_work_request
from debusine.server.actions.renew_lease import greet_worker
from debusine.server.actions.retry_work_request import retry_work_request
from debusine.server.actor import Actor
from debusine.server.jobs.sweep import requeue_lapsed
from debusine.testing import factories
from debusine.testing.clock import FakeClock
from debusine.wire.work_request import WorkRequestCompleted

WORKERS = 3
STEPS = st.one_of(
    st.tuples(st.just("create"), st.integers(-2, 2)),
    st.tuples(st.just("claim"), st.integers(0, WORKERS - 1)),
    st.tuples(st.just("complete"), st.integers(0, 20)),
    st.tuples(st.just("abort"), st.integers(0, 20)),
    st.tuples(st.just("retry"), st.integers(0, 20)),
    st.tuples(st.just("restart"), st.integers(0, WORKERS - 1)),
    st.tuples(st.just("wait"), st.integers(1, 90)),
)


class Queue:
    """A queue, its workers, and everything that was ever handed out."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.author = Actor(user=factories.make_user(superuser=True))
        self.place = factories.make_workspace()
        self.workers = [
            Actor(worker=factories.make_worker(features=("heartbeat",)).worker)
            for _ in range(WORKERS)
        ]
        self.handed_out: list[Assignment] = []
        self.states: dict[int, str] = {}

    def do(self, what: str, number: int) -> None:
        # a refusal may change nothing, which check() sees
        with contextlib.suppress(DebusineError):
            getattr(self, what)(number)
        self.clock.advance(0.01)
        self.check()

    def create(self, priority: int) -> None:
        made = create_work_request(
            self.author, workspace=self.place, task_name="noop", data={}, now=self.clock.now()
        )
        WorkRequest.objects.filter(pk=made.pk).update(priority_base=priority)

    def claim(self, number: int) -> None:
        got = claim_work_request(self.workers[number], now=self.clock.now())
        if got is not None:
            self.handed_out.append(got)

    def complete(self, number: int) -> None:
        if number < len(self.handed_out):
            got = self.handed_out[number]
            complete_work_request(
                self.author,
                token_hash=got.attempt.token_hash,
                work_request_id=got.work_request.pk,
                report=WorkRequestCompleted(result="failure"),
                now=self.clock.now(),
            )

    def abort(self, number: int) -> None:
        request = self._request(number)
        if request is not None:
            abort_work_request(self.author, request=request, now=self.clock.now())

    def retry(self, number: int) -> None:
        request = self._request(number)
        if request is not None:
            retry_work_request(self.author, request=request, now=self.clock.now())

    def restart(self, number: int) -> None:
        greet_worker(self.workers[number], features=["heartbeat"], running=[], now=self.clock.now())

    def wait(self, seconds: int) -> None:
        self.clock.advance(seconds)
        requeue_lapsed(self.clock.now())

    def _request(self, number: int) -> WorkRequest | None:
        rows = WorkRequest.objects.select_related("workspace__scope").order_by("pk")
        return rows[number] if number < rows.count() else None

    def check(self) -> None:
        held = list(Attempt.objects.filter(ended_at=None).select_related("work_request"))
        running = WorkRequest.objects.filter(status="running")
        assert sorted(one.work_request_id for one in held) == sorted(
            running.values_list("pk", flat=True)
        )
        assert len({one.worker_id for one in held}) == len(held)
        assert {one.worker_id for one in held} == set(running.values_list("worker_id", flat=True))
        tokens = Token.objects.filter(token_type="work-request")
        assert sorted(tokens.values_list("hash", flat=True)) == sorted(
            one.token_hash for one in held
        )
        for pk, status in WorkRequest.objects.values_list("pk", "status"):
            before = self.states.get(pk, status)
            if before != status:
                allowed = ALLOWED_TRANSITIONS[WorkRequestStatus(before)]
                # a restart or a lapsed lease may pass through pending on the way
                assert WorkRequestStatus(status) in allowed | {WorkRequestStatus.RUNNING}
                assert not WorkRequestStatus(before).is_final
            self.states[pk] = status

    def run_dry(self) -> None:
        """Nothing starves: workers that go on asking empty the queue."""
        for _ in range(5 * (WorkRequest.objects.count() + 1)):
            for number in range(WORKERS):
                before = len(self.handed_out)
                self.do("claim", number)
                for index in range(before, len(self.handed_out)):
                    self.do("complete", index)
        assert not WorkRequest.objects.filter(status__in=["pending", "running"]).exists()


@pytest.mark.usefixtures("db")
@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=st.lists(STEPS, max_size=25))
def test_any_history_keeps_the_queue_sound(steps: list[tuple[str, int]]) -> None:
    scheduler.forget()
    with transaction.atomic():
        queue = Queue()
        for what, number in steps:
            queue.do(what, number)
        queue.run_dry()
        transaction.set_rollback(True)


@given(
    old=st.datetimes(
        min_value=datetime(2020, 1, 1),  # noqa: DTZ001  hypothesis adds the zone
        max_value=datetime(2080, 1, 1),  # noqa: DTZ001  the same
        timezones=st.just(UTC),
    ),
    delta=st.timedeltas(min_value=timedelta(milliseconds=1), max_value=timedelta(days=7300)),
    priority=st.integers(-(10**7), 10**7),
)
def test_order_is_by_priority_then_age(old: datetime, delta: timedelta, priority: int) -> None:
    young = old + delta
    assert order_number(priority, old) < order_number(priority, young)
    if -PRIORITY_LIMIT <= priority < PRIORITY_LIMIT:
        assert order_number(priority + 1, young) < order_number(priority, old)
    assert -(2**63) <= order_number(priority, old) < 2**63
