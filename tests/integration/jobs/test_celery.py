# SPDX-License-Identifier: GPL-3.0-or-later
"""Celery in threads of this process, and what its own command would run."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from debusine.db.models import WorkRequest
from debusine.server import job_queue
from debusine.server.actions.create_work_request import create_work_request
from debusine.server.actor import Actor
from debusine.server.celery import app
from debusine.server.job_queue import Queue
from debusine.server.job_registry import all_jobs
from debusine.server.job_runner import JobRunner
from debusine.testing import factories
from debusine.testing.waiting import wait_for
from debusine.util.clock import SystemClock

SOURCE = Path(__file__).parents[3] / "src" / "debusine"


@pytest.fixture
def runner(transactional_db: None, data_dir: Path) -> Iterator[JobRunner]:
    runner = JobRunner(holder="test")
    runner.start()
    wait_for(lambda: all(hasattr(one, "debusine_process") for one in runner._workers))
    yield runner
    runner.stop()
    runner.join(30)


def test_creating_a_request_wakes_who_runs_it(runner: JobRunner) -> None:
    wait_for(lambda: factories.Worker.objects.filter(worker_type="celery").exists())
    actor = Actor(user=factories.make_user(superuser=True))
    place = factories.make_workspace()

    def make(*dependencies: WorkRequest, **data: Any) -> WorkRequest:
        return create_work_request(
            actor,
            workspace=place,
            task_name="servernoop",
            data=data,
            dependencies=dependencies,
            now=SystemClock().now(),
        )

    first = make(result="success")
    second = make(first, result="skipped")
    third = make(second, result="success")
    wait_for(
        lambda: WorkRequest.objects.get(pk=third.pk).result == "success",
        instead=lambda: list(WorkRequest.objects.values("pk", "status", "signature")),
    )
    assert list(WorkRequest.objects.order_by("pk").values_list("result", flat=True)) == [
        "success",
        "skipped",
        "success",
    ]


def test_celery_knows_every_job_and_its_queue() -> None:
    jobs = {job.name: job.queue for job in all_jobs()}
    assert {name for name in app.tasks if not name.startswith("celery.")} == set(jobs)
    assert jobs["run_server_task"] is Queue.SERVER_TASKS
    assert set(app.amqp.queues) == {queue.value for queue in Queue}


def _sent(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in {"send", "send_on_commit"}
            and isinstance(node.func.value, ast.Name)
            and node.func.value.id == job_queue.__name__.rpartition(".")[2]
            and isinstance(node.args[0], ast.Constant)
        ):
            yield str(node.args[0].value)


def test_no_message_is_about_a_job_that_does_not_exist() -> None:
    sent = {name for path in SOURCE.rglob("*.py") for name in _sent(path)}
    assert sent
    assert sent <= {job.name for job in all_jobs()}
