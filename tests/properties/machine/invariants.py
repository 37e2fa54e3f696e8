# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds whatever happened; the numbers are those of the invariants of the design."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any, NamedTuple

from django.db import connection
from tests.properties.machine.world import World

from debusine.domain.result import Blame
from debusine.domain.retry import RetryClass
from debusine.domain.work_request import ALLOWED_TRANSITIONS, WorkRequestStatus
from debusine.server import retry

PENDING, RUNNING, COMPLETED = (
    WorkRequestStatus.PENDING,
    WorkRequestStatus.RUNNING,
    WorkRequestStatus.COMPLETED,
)


class Request(NamedTuple):
    id: int
    status: str
    result: str
    worker_id: int | None
    signature_id: int | None
    delayed_until: Any
    retry_count: int
    handed_back: int
    completed_at: Any


class Attempt(NamedTuple):
    id: int
    work_request_id: int
    number: int
    worker_id: int | None
    ended_at: Any
    outcome: str
    reason: str
    blame: str
    lost_by: str
    next_step: str
    token_hash: str


def _read(row: type[Any], table: str) -> list[Any]:
    columns = ", ".join(row._fields)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {columns} FROM {table} ORDER BY id")
        return [row._make(values) for values in cursor.fetchall()]


class Invariants:
    """Looks at all rows after each move, and remembers what it saw."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._requests: dict[int, Request] = {}

    def check(self) -> None:
        requests = {one.id: one for one in _read(Request, "db_workrequest")}
        attempts: dict[int, list[Attempt]] = defaultdict(list)
        for attempt in _read(Attempt, "db_attempt"):
            attempts[attempt.work_request_id].append(attempt)
        self._check_holders(requests, attempts)
        for one in requests.values():
            self._check_transition(self._requests.get(one.id), one)
            self._check_attempts(one, attempts[one.id])
            self._check_waiting(one)
        self._check_hints(requests)
        self._requests = requests

    def _check_holders(
        self, requests: dict[int, Request], attempts: dict[int, list[Attempt]]
    ) -> None:
        """3: what runs has one holder, with one token, and no worker more than its slots."""
        held = [one for found in attempts.values() for one in found if one.ended_at is None]
        running = {one.id: one.worker_id for one in requests.values() if one.status == RUNNING}
        assert {one.work_request_id: one.worker_id for one in held} == running
        assert len(held) == len(running)
        load = Counter(one.worker_id for one in held)
        for agent in self._world.agents:
            assert load[agent.worker_id] <= agent.slots
        with connection.cursor() as cursor:
            cursor.execute("SELECT hash FROM db_token WHERE token_type = 'work-request'")
            assert sorted(row[0] for row in cursor.fetchall()) == sorted(
                one.token_hash for one in held
            )

    def _check_transition(self, before: Request | None, after: Request) -> None:
        """2, 3: only along allowed ways; what has ended stays as it is."""
        is_final = WorkRequestStatus(after.status).is_final
        assert is_final == (after.completed_at is not None)
        assert (after.status == COMPLETED) == (after.result != "")
        if before is None:
            return
        if WorkRequestStatus(before.status).is_final:
            assert (after.status, after.result, after.completed_at) == (
                before.status,
                before.result,
                before.completed_at,
            )
        elif before.status != after.status:
            # one move may take several steps: a lost attempt, and the next one
            assert _is_reachable(WorkRequestStatus(before.status), WorkRequestStatus(after.status))

    def _check_attempts(self, request: Request, attempts: list[Attempt]) -> None:
        """6: attempts are few, follow each other, and each that was given up says why."""
        assert [one.number for one in attempts] == list(range(1, len(attempts) + 1))
        ended = [one for one in attempts if one.ended_at is not None]
        given_up = ended if request.status in {PENDING, RUNNING} else ended[:-1]
        assert request.retry_count + request.handed_back == len(given_up)
        for one in given_up:
            assert one.reason
            assert one.next_step
            assert one.lost_by not in {"", RetryClass.SUBJECT}
            assert one.blame == Blame.ENVIRONMENT
            assert one.outcome not in {"success", "skipped", "aborted"}
        classes = Counter(one.lost_by for one in given_up)
        rules = retry.policy()
        assert all(number <= rules.limit(RetryClass(kind)) for kind, number in classes.items())

    def _check_waiting(self, request: Request) -> None:
        """What waits can be taken, or becomes so at a time; nothing is both."""
        if request.status == PENDING:
            assert (request.signature_id is None) == (request.delayed_until is not None)

    def _check_hints(self, requests: dict[int, Request]) -> None:
        """1: who is told that something has ended, sees that it has."""
        for hint in self._world.hints:
            if hint["type"] == "work.completed":
                assert WorkRequestStatus(requests[hint["work_request_id"]].status).is_final
        self._world.hints.clear()


def _is_reachable(before: WorkRequestStatus, after: WorkRequestStatus) -> bool:
    seen: set[WorkRequestStatus] = set()
    edge = {before}
    while edge:
        seen |= edge
        edge = {follower for one in edge for follower in ALLOWED_TRANSITIONS[one]} - seen
    return after in seen
