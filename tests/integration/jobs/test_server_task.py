# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks of the server: who may ask for them, how they run, fail, are stopped and tried again."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import OperationalError, connection
from tests.integration.conftest import ApiClient
from tests.integration.jobs.conftest import Probe

from debusine.db.models import Artifact, Attempt, User, Worker, WorkRequest, Workspace
from debusine.domain.result import WorkRequestResults
from debusine.errors import PermissionDeniedError
from debusine.server.actions.abort_work_request import abort_work_request
from debusine.server.actions.create_work_request import create_work_request
from debusine.server.actions.drain_worker import drain_worker
from debusine.server.actions.register_server_worker import register_server_worker
from debusine.server.actor import SYSTEM, Actor
from debusine.server.jobs.sweep import forget_silent, requeue_lapsed
from debusine.server.server_worker import ServerWorker
from debusine.server.views.attempt import open_log
from debusine.testing import factories
from debusine.testing.waiting import wait_for
from debusine.util.clock import SystemClock

NOW = SystemClock().now()


@pytest.fixture
def ask(transactional_db: None) -> Any:
    """Ask for a task of the server, as an administrator."""
    actor = Actor(user=factories.make_user("root", superuser=True))
    place = factories.make_workspace()

    def ask(name: str = "serverprobe", **data: Any) -> WorkRequest:
        return create_work_request(
            actor, workspace=place, task_name=name, data=data, now=SystemClock().now()
        )

    return ask


def outcome(request: WorkRequest) -> tuple[str, str, str]:
    request.refresh_from_db()
    errors = (request.output_data or {}).get("errors", [])
    return request.status, request.result, errors[0]["code"] if errors else ""


@pytest.mark.parametrize("result", ["success", "failure", "skipped"])
def test_servernoop(server_worker: ServerWorker, ask: Any, result: str) -> None:
    request = ask("servernoop", result=result)
    assert request.task_type == "Server"
    assert request.scheduler_tags_required == [
        "worker:task:server:servernoop:version:1",
        "worker:type:celery",
    ]
    assert server_worker.run_waiting() == 1
    assert outcome(request) == ("completed", result, "")
    assert server_worker.run_waiting() == 0
    attempt = Attempt.objects.get()
    assert attempt.outcome == result
    assert attempt.worker is not None
    assert attempt.worker.worker_type == "celery"


def test_exception_is_an_error(server_worker: ServerWorker, ask: Any) -> None:
    request = ask("servernoop", exception=True)
    server_worker.run_waiting()
    assert outcome(request) == ("completed", "error", "execute-failed")
    assert request.output_data["errors"][0]["message"].startswith("Execution failed: ")
    assert request.blame == "platform"


def test_default_result_is_that_of_the_specification(server_worker: ServerWorker, ask: Any) -> None:
    request = ask("servernoop")
    server_worker.run_waiting()
    assert outcome(request) == ("completed", "failure", "")


def test_data_that_became_wrong(server_worker: ServerWorker, ask: Any) -> None:
    request = ask("servernoop")
    WorkRequest.objects.filter(pk=request.pk).update(task_data={"nonsense": 1})
    assert server_worker.run_waiting() == 0
    assert outcome(request) == ("completed", "error", "configure-failed")


def test_log_and_debug_logs(server_worker: ServerWorker, probe: Probe, ask: Any) -> None:
    def write(task: Any) -> WorkRequestResults:
        task.log_sender.send(b"so far\n", "stdout")
        with task.open_debug_log_file("notes.txt") as notes:
            notes.write("so what\n")
        return WorkRequestResults.SUCCESS

    probe.act = write
    request = ask()
    server_worker.run_waiting()
    assert outcome(request) == ("completed", "success", "")
    reader = open_log(Attempt.objects.get()).reader()
    assert b"".join(piece.data for piece in reader.read()) == b"so far\n"
    artifact = Artifact.objects.get(created_by_work_request=request)
    assert artifact.category == "debusine:work-request-debug-logs"
    assert [(file.path, file.complete) for file in artifact.files.all()] == [("notes.txt", True)]


def test_tasks_run_beside_each_other_but_no_more_than_fit(
    server_worker: ServerWorker, probe: Probe, ask: Any
) -> None:
    together = threading.Barrier(3)

    def meet(task: Any) -> WorkRequestResults:
        together.wait(60)
        return WorkRequestResults.SUCCESS

    probe.act = meet
    requests = [ask() for _ in range(2)]
    threads = [threading.Thread(target=in_thread, args=(server_worker,)) for _ in requests]
    for thread in threads:
        thread.start()
    wait_for(lambda: together.n_waiting == 2)
    late = ask("servernoop", result="success")
    assert server_worker.run_waiting() == 0
    together.wait(60)
    for thread in threads:
        thread.join()
    assert [outcome(one)[1] for one in (*requests, late)] == ["success"] * 3


def in_thread(worker: ServerWorker) -> None:
    try:
        worker.run_waiting()
    finally:
        connection.close()


@pytest.fixture
def running(server_worker: ServerWorker, probe: Probe, ask: Any) -> Iterator[WorkRequest]:
    """A task that runs until it is told to stop."""
    probe.act = probe.wait_for_abort
    request = ask()
    thread = threading.Thread(target=in_thread, args=(server_worker,))
    thread.start()
    assert probe.started.wait(60)
    yield request
    thread.join(60)


def test_abort_is_noticed(running: WorkRequest, probe: Probe) -> None:
    running.refresh_from_db()
    abort_work_request(Actor(user=running.created_by), request=running, now=NOW)
    assert probe.aborted.wait(60)
    assert outcome(running)[0] == "aborted"
    wait_for(lambda: Attempt.objects.get().outcome == "aborted")


def test_stopped_server_hands_back(
    running: WorkRequest, server_worker: ServerWorker, probe: Probe
) -> None:
    server_worker.stop()
    assert probe.aborted.wait(60)
    running.refresh_from_db()
    assert (running.status, running.retry_count, running.handed_back) == ("pending", 0, 1)
    assert Worker.objects.get().connected_at is None


def test_lease_is_renewed_while_it_runs(
    probe: Probe, ask: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = settings.DEBUSINE.model_copy(update={"lease": timedelta(seconds=0.4)})
    monkeypatch.setattr(settings, "DEBUSINE", short)
    worker = ServerWorker(slots=1)
    worker.start()
    probe.act = probe.wait_for_abort
    request = ask()
    thread = threading.Thread(target=in_thread, args=(worker,))
    thread.start()
    assert probe.started.wait(60)
    first = Attempt.objects.get().lease_until
    wait_for(lambda: Attempt.objects.get().lease_until > first + timedelta(seconds=1))
    assert outcome(request)[0] == "running"
    worker.stop()
    thread.join(60)


def test_lapsed_lease_makes_a_new_attempt(
    running: WorkRequest, server_worker: ServerWorker, probe: Probe
) -> None:
    assert requeue_lapsed(SystemClock().now() + timedelta(minutes=5)) == 1
    assert probe.aborted.wait(60)
    probe.act = lambda task: WorkRequestResults.SUCCESS
    wait_for(lambda: server_worker.run_waiting() or outcome(running)[1] == "success")
    assert [one.outcome for one in Attempt.objects.order_by("number")] == ["lost", "success"]


def test_new_attempt_may_begin_while_the_lost_one_goes_on(
    running: WorkRequest, server_worker: ServerWorker, probe: Probe
) -> None:
    held = threading.Event()

    def succeed_late(task: Any) -> WorkRequestResults:
        # the lost one is told to stop, and ends before this one does
        held.wait(60)
        return WorkRequestResults.SUCCESS

    assert requeue_lapsed(SystemClock().now() + timedelta(minutes=5)) == 1
    probe.act = succeed_late
    thread = threading.Thread(target=in_thread, args=(server_worker,))
    thread.start()
    assert probe.aborted.wait(60)
    wait_for(lambda: Attempt.objects.count() == 2)
    held.set()
    thread.join(60)
    assert [one.outcome for one in Attempt.objects.order_by("number")] == ["lost", "success"]


def test_database_that_is_too_busy_makes_a_new_attempt(
    server_worker: ServerWorker, probe: Probe, ask: Any
) -> None:
    tries: list[int] = []

    def fail_once(task: Any) -> WorkRequestResults:
        tries.append(1)
        if len(tries) == 1:
            raise OperationalError("database is locked")
        return WorkRequestResults.SUCCESS

    probe.act = fail_once
    request = ask()
    server_worker.run_waiting()
    assert outcome(request)[1] == "success"
    assert [one.outcome for one in Attempt.objects.order_by("number")] == ["lost", "success"]


def test_drained_or_disabled_worker_gets_nothing(server_worker: ServerWorker, ask: Any) -> None:
    request = ask("servernoop")
    row = Worker.objects.get()
    admin = Actor(user=factories.make_user(superuser=True))
    drain_worker(admin, worker=row, reason="", now=NOW)
    assert server_worker.run_waiting() == 0
    Worker.objects.update(drained_at=None)
    row.token.enabled = False
    row.token.save()
    assert server_worker.run_waiting() == 0
    assert outcome(request)[0] == "pending"


def register(holder: str = "", **delta: float) -> str:
    now = NOW + timedelta(**delta)
    return register_server_worker(SYSTEM, name="celery-x", slots=1, holder=holder, now=now).name


def test_each_process_has_a_row_of_its_own(transactional_db: None) -> None:
    assert [register(), register()] == ["celery-x", "celery-x-2"]
    Worker.objects.filter(name="celery-x").update(connected_at=None)
    assert register() == "celery-x"
    # those that died are silent, and others take their place
    assert forget_silent(NOW + timedelta(minutes=1)) == 0
    assert forget_silent(NOW + timedelta(minutes=3)) == 2
    assert register(minutes=3) == "celery-x"


def test_who_exists_once_takes_its_row_back_with_what_it_ran(transactional_db: None) -> None:
    assert [register("a"), register("b")] == ["celery-x", "celery-x-2"]
    lost = factories.make_running(worker=Worker.objects.get(name="celery-x-2"))
    assert register("b") == "celery-x-2"
    lost.work_request.refresh_from_db()
    assert lost.work_request.status == "pending"


def test_only_administrators_ask_for_them(
    api: ApiClient, workspace: Workspace, user: User, data_dir: Path
) -> None:
    answer = api.post("/work-request/", {"task_name": "servernoop", "task_data": {}})
    assert answer.json()["task_type"] == "Server"
    User.objects.filter(pk=user.pk).update(is_superuser=False)
    answer = api.post("/work-request/", {"task_name": "servernoop", "task_data": {}})
    assert answer.status_code == 404
    Workspace.objects.update(public=True)
    answer = api.post("/work-request/", {"task_name": "servernoop", "task_data": {}})
    assert answer.status_code == 403
    other = Actor(user=factories.make_user())
    with pytest.raises(PermissionDeniedError):
        create_work_request(other, workspace=workspace, task_name="servernoop", data={}, now=NOW)


def test_the_server_itself_may_ask(server_worker: ServerWorker, workspace: Workspace) -> None:
    request = create_work_request(
        SYSTEM, workspace=workspace, task_name="servernoop", data={"result": "success"}, now=NOW
    )
    assert request.created_by.username == "_system"
    server_worker.run_waiting()
    assert outcome(request) == ("completed", "success", "")
    assert not request.created_by.has_usable_password()


@pytest.mark.usefixtures("probe")
def test_database_comes_later(ask: Any) -> None:
    """A process whose row cannot be written yet goes on, and takes tasks once it could."""

    def full(*_: object) -> None:
        raise OperationalError("database or disk is full")

    request = ask()
    worker = ServerWorker(slots=1)
    with connection.execute_wrapper(full):
        worker.start()
    try:
        wait_for(worker.run_waiting)
    finally:
        worker.stop()
    assert outcome(request) == ("completed", "success", "")
