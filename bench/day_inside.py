# SPDX-License-Identifier: GPL-3.0-or-later
"""What day.py runs once per database: arguments SOURCES WORKERS SEED; prints a table."""

from __future__ import annotations

import heapq
import logging
import os
import random
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TypeVar

import django
import structlog

os.environ["DJANGO_SETTINGS_MODULE"] = "debusine.site.settings"
django.setup()
structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))

from django.core.management import call_command  # noqa: E402  after the set-up

from debusine.db.models import Worker  # noqa: E402
from debusine.domain.result import WorkRequestResults  # noqa: E402
from debusine.domain.tags import tags_required_by_type  # noqa: E402
from debusine.domain.work_request import TaskTypes  # noqa: E402
from debusine.server.actions.claim_work_request import (  # noqa: E402
    Assignment,
    ContentionError,
    claim_work_request,
)
from debusine.server.actions.complete_work_request import complete_work_request  # noqa: E402
from debusine.server.actions.create_work_request import create_work_request  # noqa: E402
from debusine.server.actions.requeue_work_request import requeue_work_request  # noqa: E402
from debusine.server.actor import SYSTEM, Actor  # noqa: E402
from debusine.testing import factories  # noqa: E402
from debusine.wire.work_request import WorkRequestCompleted  # noqa: E402

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
# mean in seconds, spread (of the logarithm); what follows a build are its checks
BUILD = (600.0, 1.2)
CHECKS = ((40.0, 0.7), (300.0, 1.0), (200.0, 0.5))
LOST = 0.005
NOOP = tags_required_by_type(TaskTypes.WORKER, "noop", 1)
_T = TypeVar("_T")


@dataclass(kw_only=True)
class Costs:
    """Real milliseconds of each kind of step, by the tenth of the day's work it fell into."""

    total: int
    done: int = 0
    samples: dict[str, dict[int, list[float]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(list))
    )

    def timed(self, what: str, step: Callable[[], _T]) -> _T:
        """Do a step and note what it took."""
        began = time.perf_counter()
        result = step()
        tenth = min(9, self.done * 10 // self.total)
        self.samples[what][tenth].append((time.perf_counter() - began) * 1000)
        return result

    def show(self) -> None:
        """Print a table: all, and the first, a middle and the last tenth."""
        print("| step | times | p50 ms | p95 ms | p95 first tenth | p95 sixth | p95 last |")
        print("|---|---|---|---|---|---|---|")
        for what, tenths in self.samples.items():
            every = [sample for part in tenths.values() for sample in part]
            parts = " | ".join(f"{_p95(tenths[tenth]):.2f}" for tenth in (0, 5, 9))
            median = statistics.median(every)
            print(f"| {what} | {len(every)} | {median:.2f} | {_p95(every):.2f} | {parts} |")

    @property
    def busy_s(self) -> float:
        """Seconds of all steps together."""
        every = (part for tenths in self.samples.values() for part in tenths.values())
        return sum(map(sum, every)) / 1000


def _p95(samples: list[float]) -> float:
    return statistics.quantiles(samples, n=20)[-1] if len(samples) > 1 else 0.0


class Day:
    """One day."""

    def __init__(self, sources: int, workers: int, seed: int) -> None:
        self.random = random.Random(seed)
        self.workspace = factories.make_workspace()
        self.owner = Actor(user=factories.make_user(superuser=True))
        self.workers = [
            factories.make_worker(features=("heartbeat",)).worker.pk for _ in range(workers)
        ]
        self.sources = sources
        self.now = BEGIN
        self.events: list[tuple[datetime, int, Callable[[], None]]] = []
        self._order = count()
        self.costs = Costs(total=sources * (1 + len(CHECKS)))
        self.durations: dict[int, float] = {}
        self.checks_due: set[int] = set()
        self.idle: set[int] = set(self.workers)
        self.worked_s = 0.0

    def at(self, moment: datetime, do: Callable[[], None]) -> None:
        heapq.heappush(self.events, (moment, next(self._order), do))

    def run(self) -> None:
        """Create every build, then let the workers work until nothing is left."""
        for _ in range(self.sources):
            self.checks_due.add(self.create(BUILD))
        for pk in self.workers:
            self.ask(pk)
        while self.events:
            self.now, _, do = heapq.heappop(self.events)
            do()

    def create(self, kind: tuple[float, float]) -> int:
        mean, spread = kind
        made = self.costs.timed(
            "create",
            lambda: create_work_request(
                self.owner, workspace=self.workspace, task_name="noop", data={}, now=self.now
            ),
        )
        location = 0 if spread == 0 else -(spread**2) / 2
        self.durations[made.pk] = mean * self.random.lognormvariate(location, spread)
        return made.pk

    def ask(self, pk: int) -> None:
        """A worker asks for work."""
        worker = Worker.objects.get(pk=pk)
        try:
            taken = self.costs.timed(
                "claim", lambda: claim_work_request(Actor(worker=worker), now=self.now)
            )
        except ContentionError:
            self.at(self.now + timedelta(seconds=1), lambda: self.ask(pk))
            return
        if taken is None:
            self.idle.add(pk)
            return
        self.idle.discard(pk)
        lasts = self.durations[taken.work_request.pk]
        if self.random.random() < LOST:
            lasts = lasts * self.random.random()
            self.at(self.now + timedelta(seconds=lasts), lambda: self.lose(pk, taken))
        else:
            self.at(self.now + timedelta(seconds=lasts), lambda: self.report(pk, taken))
        self.worked_s += lasts

    def report(self, pk: int, taken: Assignment) -> None:
        """A worker is done; what follows is created, and idle workers hear of it."""
        request = taken.work_request
        self.costs.timed(
            "complete",
            lambda: complete_work_request(
                Actor(attempt=taken.attempt),
                token_hash=taken.attempt.token_hash,
                work_request_id=request.pk,
                report=WorkRequestCompleted(result=WorkRequestResults.SUCCESS),
                now=self.now,
            ),
        )
        self.costs.done += 1
        if request.pk in self.checks_due:
            for kind in CHECKS:
                self.create(kind)
                self.wake_one()
        self.ask(pk)

    def lose(self, pk: int, taken: Assignment) -> None:
        """A worker dies; its lease lapses a minute later, and it is back by then."""
        later = self.now + timedelta(minutes=1)

        def lapse() -> None:
            self.costs.timed(
                "lapse",
                lambda: requeue_work_request(
                    SYSTEM, attempt=taken.attempt, reason="nothing was heard", now=self.now
                ),
            )
            self.ask(pk)

        self.at(later, lapse)

    def wake_one(self) -> None:
        if self.idle:
            pk = self.idle.pop()
            self.at(self.now, lambda: self.ask(pk))


def main() -> None:
    sources, workers, seed = map(int, sys.argv[1:])
    call_command("migrate", verbosity=0)
    day = Day(sources, workers, seed)
    began = time.monotonic()
    day.run()
    took = time.monotonic() - began
    simulated = (day.now - BEGIN).total_seconds()
    print(f"{sources} sources, {day.costs.done} requests, {workers} workers, seed {seed}\n")
    day.costs.show()
    ideal = day.worked_s / workers
    print(
        f"\nThe day lasted {simulated / 3600:.1f} h; with no worker ever idle {ideal / 3600:.1f} h."
    )
    print(f"The server's part was {day.costs.busy_s / 60:.1f} min of one core;", end=" ")
    print(f"replayed in {took / 60:.1f} min.")
    assert day.costs.done == day.costs.total, "requests were lost"


if __name__ == "__main__":
    main()
