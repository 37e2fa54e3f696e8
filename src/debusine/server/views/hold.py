# SPDX-License-Identifier: GPL-3.0-or-later
"""Environments that are kept: whether there is one, where, until when."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Q

from debusine.db.models import Attempt, Hold, Terminal, Worker, WorkRequest
from debusine.domain.hold import HoldCondition, HoldState
from debusine.domain.work_request import WorkRequestStatus
from debusine.errors import NotFoundError
from debusine.server.terminal_log import open_terminal_log
from debusine.wire.hold import HoldRecord, HoldWish
from debusine.wire.terminal import TerminalRecord
from debusine.wire.worker import FEATURE_HOLD

# a worker says what it keeps before it reports the result, but on another way
_ON_ITS_WAY = timedelta(seconds=30)


def latest_hold(work_request_id: int) -> Hold | None:
    """Find what was last wanted for a request, ended or not; one query."""
    rows = Hold.objects.select_related("worker", "requested_by")
    return rows.filter(work_request=work_request_id).order_by("-pk").first()


def can_keep(worker: Worker) -> bool:
    """Whether a worker keeps environments at all."""
    return FEATURE_HOLD in worker.features


def state_of(hold: Hold, request: WorkRequest, *, now: datetime) -> tuple[HoldState, str]:
    """
    Say where a wish stands, and that for people: a sentence without its end.

    :param hold: with its worker loaded
    :param request: as it is now; one query if it has ended, or runs
    """
    if hold.ended_at is not None:
        verb = "is kept no longer" if hold.held_at else "was not kept"
        return HoldState.ENDED, f"its environment {verb}: {hold.reason}"
    if hold.held_at is not None and hold.until is not None:
        if hold.until + _ON_ITS_WAY <= now:
            return HoldState.ENDED, "its environment is kept no longer: its time was over"
        return HoldState.HELD, _where(hold)
    return _state_of_wish(hold, request, now=now)


def _state_of_wish(hold: Hold, request: WorkRequest, *, now: datetime) -> tuple[HoldState, str]:
    """Of one that no worker has answered."""
    status = WorkRequestStatus(request.status)
    attempt = _latest_attempt(request)
    worker = None if attempt is None else attempt.worker
    if status.is_final and (reason := _never_kept(request, status, worker, now=now)):
        return HoldState.ENDED, f"its environment was not kept: {reason}"
    if worker is not None and not can_keep(worker):
        text = f"its environment will not be kept by worker {worker.name}, which keeps none"
    elif hold.condition == HoldCondition.FAILURE.value:
        text = "its environment will be kept if it fails"
    else:
        text = "its environment will be kept when it ends"
    return HoldState.WANTED, text


def _never_kept(
    request: WorkRequest, status: WorkRequestStatus, worker: Worker | None, *, now: datetime
) -> str | None:
    """Why nothing was kept of a request that has ended; None if its worker may still say so."""
    if status is WorkRequestStatus.ABORTED:
        return "it was aborted"
    if worker is None:
        return "it ran on no worker"
    if not can_keep(worker):
        return f"worker {worker.name} keeps none"
    if request.completed_at is not None and request.completed_at + _ON_ITS_WAY <= now:
        return "its worker did not say why"
    return None


def _where(hold: Hold) -> str:
    name = "a worker" if hold.worker is None else f"worker {hold.worker.name}"
    text = f"its environment is kept on {name} until {hold.until:%Y-%m-%d %H:%M:%S} UTC"
    if hold.worker is None or hold.worker.connected_at is None:
        return f"{text}, but the worker is not connected"
    return text


def _latest_attempt(request: WorkRequest) -> Attempt | None:
    rows = Attempt.objects.select_related("worker").filter(work_request=request)
    return rows.order_by("-number").first()


def view_hold(request: WorkRequest, *, now: datetime) -> HoldRecord:
    """Show what is known about the environment of a request; three queries at most."""
    hold = latest_hold(request.pk)
    if hold is None:
        return HoldRecord(work_request=request.pk)
    state, text = state_of(hold, request, now=now)
    return HoldRecord(
        work_request=request.pk,
        state=state,
        text=text,
        condition=HoldCondition(hold.condition),
        seconds=int(hold.duration.total_seconds()),
        requested_by=hold.requested_by.username,
        requested_at=hold.requested_at,
        worker=None if hold.worker is None else hold.worker.name,
        held_at=hold.held_at,
        until=hold.until,
        ended_at=hold.ended_at,
        network=hold.network if hold.held_at else None,
        terminals=_view_terminals(request),
    )


def _view_terminals(request: WorkRequest) -> list[TerminalRecord]:
    rows = Terminal.objects.select_related("user").filter(hold__work_request=request)
    return [
        TerminalRecord(
            id=row.pk,
            opened_by=row.user.username,
            is_root=row.is_root,
            command=row.command,
            opened_at=row.opened_at,
            closed_at=row.closed_at,
            exit_code=row.exit_code,
            reason=row.reason,
            log_size_bytes=open_terminal_log(row.pk).size(),
        )
        for row in rows.order_by("pk")
    ]


def find_terminal(request: WorkRequest, terminal_id: int) -> Terminal:
    """
    Find a terminal that was opened in an environment of a request; one query.

    :raises NotFoundError: if there is none
    """
    found = Terminal.objects.filter(pk=terminal_id, hold__work_request=request).first()
    if found is None:
        raise NotFoundError("Terminal not found", details=f"Terminal id: {terminal_id}")
    return found


def wish_of(hold: Hold) -> HoldWish:
    """The wish as agents are told."""
    return HoldWish(
        hold=hold.pk,
        seconds=max(1, int(min(hold.duration, settings.DEBUSINE.hold_max).total_seconds())),
        condition=HoldCondition(hold.condition),
    )


def wish_for(worker: Worker, work_request_id: int) -> HoldWish | None:
    """What a worker is to do with the environment of a request; no query unless it keeps some."""
    if not can_keep(worker):
        return None
    hold = Hold.objects.filter(work_request=work_request_id, ended_at=None, held_at=None).first()
    return None if hold is None else wish_of(hold)


def open_holds_of(worker: Worker) -> list[Hold]:
    """Wishes that concern a worker, for what it runs and for what it keeps; one query."""
    runs = Q(
        worker=None,
        work_request__worker=worker,
        work_request__status=WorkRequestStatus.RUNNING.value,
    )
    return list(Hold.objects.filter(Q(worker=worker) | runs, ended_at=None).order_by("pk"))
