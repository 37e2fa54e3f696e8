# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests that wait for others: released once, aborted if they cannot run any more."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from debusine.db.models import Event, User, WorkRequest, Workspace
from debusine.domain.work_request import WorkRequestStatus
from debusine.errors import UserError
from debusine.server import dependants, job_queue
from debusine.server.actions.abort_work_request import abort_work_request
from debusine.server.actions.complete_work_request import complete_work_request
from debusine.server.actions.create_work_request import create_work_request
from debusine.server.actions.release_work_request import release_work_request
from debusine.server.actor import SYSTEM, Actor
from debusine.server.job_queue import Queue
from debusine.server.jobs import complete
from debusine.server.jobs.sweep import Sweeper
from debusine.testing import factories
from debusine.testing.clock import FakeClock
from debusine.util.clock import SystemClock
from debusine.wire.work_request import WorkRequestCompleted

NOW = SystemClock().now()


class World:
    """Requests that somebody makes and ends."""

    def __init__(self, user: User, workspace: Workspace) -> None:
        self.actor = Actor(user=user)
        self.workspace = workspace

    def make(self, *dependencies: WorkRequest, data: Any = None, **fields: Any) -> WorkRequest:
        made = create_work_request(
            self.actor,
            workspace=self.workspace,
            task_name="noop",
            data=data or {},
            dependencies=dependencies,
            now=NOW,
        )
        WorkRequest.objects.filter(pk=made.pk).update(**fields)
        made.refresh_from_db()
        return made

    def end(self, request: WorkRequest, result: str = "success") -> None:
        running = factories.make_running(work_request=request)
        complete_work_request(
            Actor(user=request.created_by, attempt=running.attempt),
            token_hash=running.attempt.token_hash,
            work_request_id=request.pk,
            report=WorkRequestCompleted(result=result),
            now=NOW,
        )

    def abort(self, request: WorkRequest) -> None:
        request.refresh_from_db()
        abort_work_request(self.actor, request=request, now=NOW)


@pytest.fixture
def world(user: User, workspace: Workspace) -> World:
    return World(user, workspace)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, tuple[int, ...]]]:
    """What was told to who runs jobs."""
    messages: list[tuple[str, tuple[int, ...]]] = []

    def send(job: str, *ids: int, queue: Queue = Queue.BOOKKEEPING) -> bool:
        messages.append((job, ids))
        return True

    monkeypatch.setattr(job_queue, "send", send)
    return messages


def state(*requests: WorkRequest) -> list[tuple[str, int]]:
    rows = dict(WorkRequest.objects.values_list("pk", "status"))
    unmet = dict(WorkRequest.objects.values_list("pk", "unmet_dependencies"))
    return [(rows[one.pk], unmet[one.pk]) for one in requests]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("result", ["success", "skipped"])
def test_last_dependency_releases(
    world: World, told: list[tuple[str, tuple[int, ...]]], result: str
) -> None:
    first, second = world.make(), world.make()
    waits, other = world.make(first, second), world.make(second)
    assert state(waits, other) == [("blocked", 2), ("blocked", 1)]
    world.end(first, result)
    assert told == []
    assert state(waits, other) == [("blocked", 1), ("blocked", 1)]
    complete.run(first.pk)
    assert state(waits) == [("blocked", 1)]
    world.end(second, result)
    assert told == [("complete", (second.pk,))]
    assert state(waits, other) == [("blocked", 0), ("blocked", 0)]
    for _ in range(2):
        complete.run(second.pk)
        assert state(waits, other) == [("pending", 0), ("pending", 0)]
    waits.refresh_from_db()
    assert waits.signature_id is not None
    assert waits.pending_at is not None


@pytest.mark.parametrize("how", ["failure", "error", "aborted"])
def test_failed_dependency_aborts_all_that_follow(world: World, how: str) -> None:
    first, unrelated = world.make(), world.make()
    second = world.make(first, unrelated)
    third = world.make(second)
    if how == "aborted":
        world.abort(first)
    else:
        world.end(first, how)
    complete.run(first.pk)
    assert state(second, third, unrelated) == [("aborted", 0), ("blocked", 0), ("pending", 0)]
    complete.run(second.pk)
    assert state(third) == [("aborted", 0)]
    second.refresh_from_db()
    (error,) = second.output_data["errors"]
    assert error["code"] == "dependency-failed"
    assert f"work request {first.pk}, which it depends on, has ended" in error["message"]
    assert Event.objects.get(work_request=second.pk).data["status"] == "aborted"
    # it came too late to count
    world.end(unrelated)
    assert state(second) == [("aborted", 0)]


@pytest.mark.parametrize("side", ["dependency", "dependant"])
def test_failure_may_be_allowed(world: World, side: str) -> None:
    allowed = {"allow_failure": True} if side == "dependency" else {}
    bears = {"allow_dependency_failures": True} if side == "dependant" else {}
    first = world.make(workflow_data=allowed)
    other = world.make()
    second = world.make(first, other, workflow_data=bears)
    world.end(first, "failure")
    assert state(second) == [("blocked", 1)]
    world.end(other)
    complete.run(other.pk)
    assert state(second) == [("pending", 0)]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("result", "status"), [("success", "pending"), ("failure", "aborted")])
def test_what_ended_before_counts(
    world: World, told: list[tuple[str, tuple[int, ...]]], result: str, status: str
) -> None:
    first, other = world.make(), world.make()
    world.end(first, result)
    waits = world.make(first)
    assert state(waits) == [("blocked", 0)]
    assert told == [("complete", (first.pk,))]
    complete.run(first.pk)
    assert state(waits) == [(status, 0)]
    both = world.make(first, other)
    assert state(both) == [("blocked", 1 if result == "success" else 0)]


def test_wrong_data_are_refused_at_once(world: World) -> None:
    first = world.make()
    with pytest.raises(UserError, match="Cannot create work request"):
        world.make(first, data={"nonsense": 1})
    assert WorkRequest.objects.count() == 1


def test_inputs_that_are_missing_at_release_end_it(world: World) -> None:
    first = world.make()
    second = world.make(first)
    third = world.make(second)
    WorkRequest.objects.filter(pk=second.pk).update(task_data={"nonsense": 1})
    world.end(first)
    complete.run(first.pk)
    second.refresh_from_db()
    assert (second.status, second.result) == ("completed", "error")
    complete.run(second.pk)
    assert state(third) == [("aborted", 0)]


def test_lost_message_costs_one_sweep(world: World) -> None:
    first = world.make()
    second = world.make(first)
    waiting = world.make(second)
    world.end(first)
    clock = FakeClock(NOW)
    sweeper = Sweeper(clock)
    sweeper.sweep()
    assert state(second) == [("blocked", 0)]
    clock.advance(11)
    sweeper.sweep()
    assert state(second, waiting) == [("pending", 0), ("blocked", 1)]


def test_blocked_without_dependencies_is_nobody_s_business(world: World) -> None:
    manual = factories.make_work_request(status=WorkRequestStatus.BLOCKED)
    assert complete.release_settled(NOW) == 0
    assert state(manual) == [("blocked", 0)]


def test_aborted_meanwhile_stays_so(world: World) -> None:
    first = world.make()
    second = world.make(first)
    world.end(first)
    world.abort(second)
    assert not release_work_request(SYSTEM, work_request_id=second.pk, now=NOW)
    assert state(second) == [("aborted", 0)]


def test_end_costs_the_same_however_many_wait(world: World) -> None:
    def cost(count: int) -> int:
        first = world.make()
        for _ in range(count):
            world.make(first, world.make())
        WorkRequest.objects.filter(pk=first.pk).update(
            status="completed", result="success", completed_at=NOW + timedelta(seconds=1)
        )
        first.refresh_from_db()
        with CaptureQueriesContext(connection) as queries:
            dependants.count_end(first)
        return len(queries)

    assert cost(0) == 1
    assert cost(1) == cost(10) <= 3


def test_nothing_settled_is_one_query(db: None, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        assert complete.release_settled(NOW) == 0
