# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds whatever happened; the numbers are those of the invariants of the design."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any, NamedTuple

from tests.properties.machine.world import World, rows

from debusine.domain.event import EventKind, kind_of_end
from debusine.domain.result import Blame
from debusine.domain.retry import RetryClass
from debusine.domain.scheduling import AVOIDED_PREFIX
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
    unmet_dependencies: int
    supersedes_id: int | None
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
    return [row._make(values) for values in rows(f"SELECT {columns} FROM {table} ORDER BY id")]


class Invariants:
    """Looks at all rows after each move, and remembers what it saw."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._requests: dict[int, Request] = {}
        self._positions: list[tuple[Any, ...]] = []

    def check(self) -> None:
        requests = {one.id: one for one in _read(Request, "db_workrequest")}
        attempts: dict[int, list[Attempt]] = defaultdict(list)
        for attempt in _read(Attempt, "db_attempt"):
            attempts[attempt.work_request_id].append(attempt)
        self._check_holders(requests, attempts)
        for one in requests.values():
            self._check_transition(self._requests.get(one.id), one)
            self._check_attempts(one, attempts[one.id])
        self._check_waiting(requests)
        self._check_events(requests)
        self._check_positions()
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
        tokens = rows("SELECT hash FROM db_token WHERE token_type = 'work-request'")
        assert sorted(key for (key,) in tokens) == sorted(one.token_hash for one in held)

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
        given_up = ended[: request.retry_count + request.handed_back]
        # all of them, or the last one is the end of the request; one that waits can be aborted
        others = len(ended) - len(given_up)
        assert others == 0 or (others == 1 and request.completed_at is not None)
        for one in given_up:
            assert one.reason
            assert one.next_step
            assert one.outcome not in {"success", "skipped", "aborted"}
        assert sum(one.lost_by == "" for one in given_up) == request.handed_back
        given_up = [one for one in given_up if one.lost_by]
        for one in given_up:
            assert one.lost_by != RetryClass.SUBJECT
            assert one.blame == Blame.ENVIRONMENT
        classes = Counter(one.lost_by for one in given_up)
        rules = retry.policy()
        assert all(number <= rules.limit(RetryClass(kind)) for kind, number in classes.items())

    def _check_waiting(self, requests: dict[int, Request]) -> None:
        """What waits can be taken, or becomes so at a time; what is blocked has a reason."""
        tags = dict(rows("SELECT id, required_tags FROM db_signature"))
        timers = {
            int(key) for (key,) in rows("SELECT key FROM db_timer WHERE kind = 'make_claimable'")
        }
        for one in requests.values():
            if one.status == PENDING:
                assert (one.signature_id is None) == (one.delayed_until is not None)
                # all agents can do what any request asks for, so only these can be in its way
                if one.signature_id is not None and AVOIDED_PREFIX in tags[one.signature_id]:
                    assert one.id in timers
        unmet: Counter[int] = Counter()
        doomed = set()
        for waiting, dependency in rows(
            "SELECT from_workrequest_id, to_workrequest_id FROM db_workrequest_dependencies"
        ):
            other = requests[dependency]
            if other.completed_at is None:
                unmet[waiting] += 1
            elif other.result not in {"success", "skipped"}:
                doomed.add(waiting)
        for one in requests.values():
            if one.status == WorkRequestStatus.BLOCKED:
                assert one.unmet_dependencies == (0 if one.id in doomed else unmet[one.id])
            elif one.completed_at is None:
                assert not unmet[one.id]

    def _check_events(self, requests: dict[int, Request]) -> None:
        """2: each end is one event, and so is each time that a request is superseded."""
        events = Counter(rows("SELECT work_request_id, kind FROM db_event"))
        wanted: Counter[tuple[int, str]] = Counter()
        for one in requests.values():
            if one.completed_at is not None:
                kind = kind_of_end(WorkRequestStatus(one.status))
                wanted[one.id, kind.value] += 1
            if one.supersedes_id is not None:
                wanted[one.supersedes_id, EventKind.SUPERSEDED.value] += 1
        assert events == wanted

    def _check_positions(self) -> None:
        """1: what readers were shown at a position stays there, and nothing comes before it."""
        shown = rows("SELECT position, id FROM db_event WHERE position IS NOT NULL")
        now = sorted(shown)
        assert now[: len(self._positions)] == self._positions
        self._positions = now


def _is_reachable(before: WorkRequestStatus, after: WorkRequestStatus) -> bool:
    seen: set[WorkRequestStatus] = set()
    edge = {before}
    while edge:
        seen |= edge
        edge = {follower for one in edge for follower in ALLOWED_TRANSITIONS[one]} - seen
    return after in seen
