# SPDX-License-Identifier: GPL-3.0-or-later
"""What administrators do with workers, and what workers give back."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from ninja import Router

from debusine.api.answer import answer, answer_list, empty
from debusine.api.request import api_request
from debusine.db.models import Worker
from debusine.errors import NotFoundError
from debusine.server.access import require_administrator
from debusine.server.actions.disable_worker import disable_worker
from debusine.server.actions.drain_worker import drain_worker
from debusine.server.actions.enable_worker import enable_worker
from debusine.server.actions.hand_back_work_request import hand_back_work_request
from debusine.server.views.worker import find_worker, list_workers, view_workers
from debusine.util.clock import SystemClock
from debusine.wire.worker_care import DrainWanted, HandBack, WorkerRecord

router = Router()
_clock = SystemClock()


@router.get("/worker/", response=list[WorkerRecord])
def show_workers(request: HttpRequest) -> HttpResponse:
    """List all workers, by name; only for administrators."""
    require_administrator(api_request(request).actor, "list workers")
    return answer_list(list_workers())


@router.post("/worker/{str:name}/drain/", response=WorkerRecord)
def drain(request: HttpRequest, name: str, body: DrainWanted) -> HttpResponse:
    """Let a worker finish what it runs, and give it nothing new."""
    actor, worker = api_request(request).actor, _find(request, name)
    drain_worker(actor, worker=worker, reason=body.reason, now=_clock.now())
    return _show(worker)


@router.post("/worker/{str:name}/enable/", response=WorkerRecord)
def enable(request: HttpRequest, name: str) -> HttpResponse:
    """Let a worker work that is new, drained or disabled."""
    worker = _find(request, name)
    enable_worker(api_request(request).actor, worker=worker)
    return _show(worker)


@router.post("/worker/{str:name}/disable/", response=WorkerRecord)
def disable(request: HttpRequest, name: str) -> HttpResponse:
    """Disconnect a worker; others may do at once what it runs."""
    worker = _find(request, name)
    disable_worker(api_request(request).actor, worker=worker, now=_clock.now())
    return _show(worker)


@router.put("/work-request/{int:work_request_id}/handed-back/", response={200: None})
def handed_back(request: HttpRequest, work_request_id: int, body: HandBack) -> HttpResponse:
    """
    Take back a request that a worker runs and will not finish, as it is being stopped.

    :raises NotFoundError: unless the token is that of its attempt
    """
    actor = api_request(request).actor
    attempt = actor.require_attempt()
    if attempt.work_request_id != work_request_id:
        raise NotFoundError("Work request not found", details=f"Work request id: {work_request_id}")
    hand_back_work_request(actor, attempt=attempt, reason=body.reason, now=_clock.now())
    return empty(200)


def _find(request: HttpRequest, name: str) -> Worker:
    """The worker; who is no administrator does not hear whether there is one."""
    require_administrator(api_request(request).actor, f"change worker {name}")
    return find_worker(name)


def _show(worker: Worker) -> HttpResponse:
    (record,) = view_workers([find_worker(worker.name)])
    return answer(record)
