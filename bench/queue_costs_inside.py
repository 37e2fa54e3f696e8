# SPDX-License-Identifier: GPL-3.0-or-later
"""What queue_costs.py runs once per database: arguments FEW MANY ROUNDS, answer JSON."""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import django
from typing_extensions import override

os.environ["DJANGO_SETTINGS_MODULE"] = "debusine.site.settings"
django.setup()

from django.conf import settings  # noqa: E402  after the set-up
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402

from debusine.db.models import Attempt, Worker, WorkRequest  # noqa: E402
from debusine.domain.result import WorkRequestResults  # noqa: E402
from debusine.domain.tags import tags_required_by_type  # noqa: E402
from debusine.domain.work_request import TaskTypes, WorkRequestStatus  # noqa: E402
from debusine.server import scheduler  # noqa: E402
from debusine.server.actions.claim_work_request import claim_work_request  # noqa: E402
from debusine.server.actor import Actor  # noqa: E402
from debusine.tasks import BaseExternalTask  # noqa: E402
from debusine.tasks.models import BaseDynamicTaskData, BaseTaskData  # noqa: E402
from debusine.testing import factories  # noqa: E402
from debusine.util.clock import SystemClock  # noqa: E402

SIGNATURES = 20
CLOCK = SystemClock()
NOOP = sorted(tags_required_by_type(TaskTypes.WORKER, "noop", 1))


class PickyData(BaseTaskData):
    """Which workers will do: those of at least this level."""

    level: int = 0


class Picky(BaseExternalTask[PickyData, BaseDynamicTaskData]):
    """A task that looks at what workers report of themselves."""

    TASK_VERSION = 1

    @override
    def can_run_on(self, worker_metadata: dict[str, Any]) -> bool:
        return bool(worker_metadata.get("picky:level", 0) >= self.data.level)

    @override
    def get_subject(self) -> str | None:
        return None

    @override
    def run(self, execute_directory: Path) -> WorkRequestResults:
        return WorkRequestResults.SUCCESS


def kinds() -> list[str]:
    return [f"worker:class:k{number}" for number in range(SIGNATURES)]


class Queue:
    """Requests that wait, made in bulk."""

    def __init__(self) -> None:
        self.workspace = factories.make_workspace()
        self.user = factories.make_user()
        self.began = datetime(2026, 1, 1, tzinfo=UTC)
        self.made = 0

    def add(self, count: int, task_name: str = "noop", **task_data: object) -> None:
        """Requests over all signatures, younger than all before."""
        tags = [sorted([*NOOP, kind]) for kind in kinds()]
        signatures = [scheduler.intern_signature(required, ()) for required in tags]
        rows = []
        for _ in range(count):
            number = self.made % SIGNATURES
            at = self.began + timedelta(milliseconds=self.made)
            rows.append(
                WorkRequest(
                    workspace=self.workspace,
                    created_by=self.user,
                    created_at=at,
                    pending_at=at,
                    status=WorkRequestStatus.PENDING.value,
                    task_type=TaskTypes.WORKER.value,
                    task_name=task_name,
                    task_data=task_data,
                    scheduler_tags_required=tags[number],
                    signature_id=signatures[number],
                    order=self.made,
                )
            )
            self.made += 1
        WorkRequest.objects.bulk_create(rows, batch_size=500)

    def clear(self) -> None:
        """Nothing waits any more."""
        Attempt.objects.all().delete()
        WorkRequest.objects.all().delete()


def analyze() -> None:
    """Let PostgreSQL know how much there is, as its own daemon does within a minute."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")


def claims(worker: Worker, rounds: int, refill: Callable[[], None]) -> list[float]:
    """Milliseconds of so many claims."""
    samples = []
    for _ in range(rounds + 20):
        fresh = Worker.objects.get(pk=worker.pk)
        began = time.perf_counter()
        taken = claim_work_request(Actor(worker=fresh), now=CLOCK.now())
        samples.append((time.perf_counter() - began) * 1000)
        assert taken is not None
        Attempt.objects.filter(pk=taken.attempt.pk).update(ended_at=CLOCK.now())
        WorkRequest.objects.filter(pk=taken.work_request.pk).update(status="completed")
        refill()
    return samples[20:]


def row(mode: str, waiting: int, samples: list[float]) -> dict[str, object]:
    p95 = statistics.quantiles(samples, n=20)[-1]
    return {"mode": mode, "waiting": waiting, "p50": statistics.median(samples), "p95": p95}


def until_taken(worker: Worker, most: int) -> list[float]:
    """Milliseconds of each claim while heads are refused, to the first that gets a request."""
    samples = []
    for _ in range(most):
        fresh = Worker.objects.get(pk=worker.pk)
        began = time.perf_counter()
        taken = claim_work_request(Actor(worker=fresh), now=CLOCK.now())
        samples.append((time.perf_counter() - began) * 1000)
        if taken is not None:
            break
    return samples


def main() -> None:
    few, many, rounds = map(int, sys.argv[1:])
    call_command("migrate", verbosity=0)
    queue = Queue()
    worker = factories.make_worker(tags=tuple(NOOP + kinds())).worker
    rows = []
    for count in (few, many):
        queue.clear()
        queue.add(count)
        analyze()
        samples = claims(worker, rounds, lambda: queue.add(1))
        rows.append(row("over 20 signatures, by tags", count, samples))
    settings.DEBUSINE = settings.DEBUSINE.model_copy(update={"tag_based_scheduling": False})
    queue.clear()
    queue.add(many - few, "picky", level=1)
    queue.add(few)
    analyze()
    samples = until_taken(worker, many)
    rows.append(row("heads refused by metadata, the way through", many, samples))
    samples = claims(worker, rounds, lambda: queue.add(1))
    rows.append(row("heads refused by metadata, afterwards", many, samples))
    json.dump(rows, sys.stdout)


if __name__ == "__main__":
    main()
