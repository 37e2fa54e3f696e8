# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from django.db import connection
from typing_extensions import override

from debusine.db.models import Attempt, Token, Worker, WorkRequest
from debusine.domain.scheduling import Capability
from debusine.server import scheduler
from debusine.server.actions.claim_work_request import ContentionError, claim_work_request, take
from debusine.server.actions.complete_work_request import complete_work_request
from debusine.server.actions.create_work_request import create_work_request
from debusine.server.actions.register_worker import register_worker
from debusine.server.actions.requeue_work_request import requeue_work_request
from debusine.server.actor import ANONYMOUS, SYSTEM, Actor
from debusine.testing import factories
from debusine.util.clock import SystemClock
from debusine.wire.work_request import WorkRequestCompleted
from debusine.wire.worker import Register

WORKERS = 4
REQUESTS = 24


def work_until_nothing_is_left(worker: Actor) -> list[int]:
    """What one worker does, in a thread with a connection of its own."""
    clock = SystemClock()
    done = []
    try:
        while True:
            try:
                got = claim_work_request(worker, now=clock.now())
            except ContentionError:
                continue
            if got is None:
                return done
            done.append(got.work_request.pk)
            complete_work_request(
                worker,
                token_hash=got.attempt.token_hash,
                work_request_id=got.work_request.pk,
                report=WorkRequestCompleted(result="success"),
                now=clock.now(),
            )
    finally:
        connection.close()


def test_workers_that_race_get_each_request_once(transactional_db: None) -> None:
    author = Actor(user=factories.make_user(superuser=True))
    place = factories.make_workspace()
    now = SystemClock().now()
    made = [
        create_work_request(author, workspace=place, task_name="noop", data={}, now=now).pk
        for _ in range(REQUESTS)
    ]
    workers = [Actor(worker=factories.make_worker().worker) for _ in range(WORKERS)]
    with ThreadPoolExecutor(WORKERS) as threads:
        shares = list(threads.map(work_until_nothing_is_left, workers))
    assert sorted(pk for share in shares for pk in share) == made
    assert set(WorkRequest.objects.values_list("status", "result")) == {("completed", "success")}
    assert Attempt.objects.count() == REQUESTS
    assert not Token.objects.filter(token_type="work-request").exists()


def test_who_read_a_request_that_has_run_since_does_not_get_it(db: None) -> None:
    """It was pending, was taken, came back: what was read of it before is not it any more."""
    now = SystemClock().now()
    request = create_work_request(
        Actor(user=factories.make_user(superuser=True)),
        workspace=factories.make_workspace(),
        task_name="noop",
        data={},
        now=now,
    )
    slow, fast = (Actor(worker=factories.make_worker().worker) for _ in range(2))
    got = claim_work_request(fast, now=now)
    assert got is not None
    assert requeue_work_request(SYSTEM, attempt=got.attempt, reason="lost", now=now)
    assert take(slow, request=request, dynamic_data={}, now=now) is None
    again = claim_work_request(slow, now=now)
    assert again is not None
    assert again.attempt.number == 2


class Interrupted(frozenset[str]):
    """Tags that let something else happen while they are looked at."""

    meanwhile: Callable[[], object] = staticmethod(lambda: None)

    @override
    def __sub__(self, other: AbstractSet[object]) -> frozenset[str]:
        self.meanwhile()
        return super().__sub__(other)


def test_a_new_signature_is_not_missed_by_who_is_looking_at_older_ones(db: None) -> None:
    """What one thread found among the old ones must not stay as what fits among the new ones."""
    plain = Capability(provided=frozenset({"a", "b"}), required=frozenset(), kind="")
    first = scheduler.intern_signature(["a"], [])

    def another_thread() -> None:
        scheduler.intern_signature(["b"], [])
        scheduler.compatible_signatures(replace(plain, provided=frozenset()))

    tags = Interrupted()
    tags.meanwhile = another_thread
    assert scheduler.compatible_signatures(replace(plain, required=tags)) == (first,)
    second = scheduler.intern_signature(["b"], [])
    assert set(scheduler.compatible_signatures(plain)) == {first, second}


def register(number: int) -> str:
    """A worker of one host joins, in a thread with a connection of its own."""
    try:
        worker = register_worker(
            ANONYMOUS,
            request=Register(token=f"{number:064}", fqdn="host.example.org"),
            has_token_header=False,
            now=SystemClock().now(),
        )
    finally:
        connection.close()
    return worker.name


def test_workers_of_one_host_that_join_at_once_have_names_of_their_own(
    transactional_db: None,
) -> None:
    with ThreadPoolExecutor(WORKERS) as threads:
        names = list(threads.map(register, range(3 * WORKERS)))
    assert len(set(names)) == Worker.objects.count() == 3 * WORKERS
