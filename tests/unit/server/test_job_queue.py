# SPDX-License-Identifier: GPL-3.0-or-later
"""Messages about jobs are hints: they never fail, and never hold anybody up."""

from __future__ import annotations

from collections.abc import Sequence

from debusine.server.job_queue import JobQueue, Queue
from debusine.testing.clock import FakeClock


class Broker:
    """Takes messages, or fails."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, list[int]]] = []
        self.asked = 0
        self.is_away = False

    def __call__(self, job: str, ids: Sequence[int], queue: Queue) -> None:
        self.asked += 1
        if self.is_away:
            raise ConnectionRefusedError
        self.taken.append((f"{queue}/{job}", list(ids)))


def test_what_is_told_early_is_kept() -> None:
    queue, broker = JobQueue(), Broker()
    assert queue.send("complete", [1, 2], Queue.BOOKKEEPING)
    queue.connect(broker)
    assert queue.send("run", [], Queue.SERVER_TASKS)
    assert broker.taken == [("bookkeeping/complete", [1, 2]), ("server-tasks/run", [])]
    queue.disconnect()
    queue.send("complete", [3], Queue.BOOKKEEPING)
    assert len(broker.taken) == 2


def test_only_so_much_is_kept() -> None:
    queue, broker = JobQueue(), Broker()
    for number in range(3000):
        queue.send("complete", [number], Queue.BOOKKEEPING)
    queue.connect(broker)
    assert [ids for _, ids in broker.taken] == [[number] for number in range(2000, 3000)]


def test_broker_that_fails_is_left_alone_for_a_while() -> None:
    clock, broker = FakeClock(), Broker()
    queue = JobQueue(clock.monotonic)
    queue.connect(broker)
    broker.is_away = True
    assert not queue.send("complete", [1], Queue.BOOKKEEPING)
    broker.is_away = False
    assert not queue.send("complete", [2], Queue.BOOKKEEPING)
    assert broker.asked == 1
    clock.advance(6)
    assert queue.send("complete", [3], Queue.BOOKKEEPING)
    assert broker.taken == [("bookkeeping/complete", [3])]
