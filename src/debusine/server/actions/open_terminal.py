# SPDX-License-Identifier: GPL-3.0-or-later
"""Open a terminal in an environment that is kept; who did so is written down."""

from __future__ import annotations

from datetime import datetime

import structlog

from debusine.db.models import Hold, Terminal, WorkRequest
from debusine.domain.hold import HoldState
from debusine.domain.permission import Verb
from debusine.errors import ConflictError
from debusine.server.access import require
from debusine.server.action import action
from debusine.server.actor import Actor
from debusine.server.views.hold import latest_hold, state_of
from debusine.wire.terminal import TerminalExit, TerminalWanted

TITLE = "Cannot attach to the environment"

log = structlog.get_logger(__name__)


def require_terminals(actor: Actor, request: WorkRequest) -> None:
    """
    Check that somebody may open terminals, whether there is an environment or not.

    :raises PermissionDeniedError: unless it is a person with a token who may create requests here
    """
    actor.require_user()
    require(actor, Verb.CREATE_WORK_REQUESTS, request.workspace)


def find_held(request: WorkRequest, *, now: datetime) -> Hold:
    """
    Find the environment that is kept.

    :raises ConflictError: if there is none, or its worker is not connected
    """
    hold = latest_hold(request.pk)
    if hold is None:
        raise ConflictError(
            TITLE,
            details=f"Nobody asked for the environment of work request {request.pk} to be kept.",
            resolution=f"See `debusine hold {request.pk}`.",
        )
    state, text = state_of(hold, request, now=now)
    if state is not HoldState.HELD or hold.worker is None or hold.worker.connected_at is None:
        raise ConflictError(TITLE, details=f"Of work request {request.pk}, {text}.")
    return hold


@action
def open_terminal(
    actor: Actor, *, request: WorkRequest, wanted: TerminalWanted, now: datetime
) -> Terminal:
    """
    Write down that a terminal is opened.

    :param request: with workspace and scope loaded
    :returns: with hold and worker loaded
    :raises PermissionDeniedError: unless the actor may create requests here
    :raises ConflictError: if no environment is kept, or its worker is not connected
    """
    require_terminals(actor, request)
    hold = find_held(request, now=now)
    terminal = Terminal.objects.create(
        hold=hold,
        user=actor.require_user(),
        is_root=wanted.is_root,
        command=list(wanted.command),
        opened_at=now,
    )
    log.info("terminal-opened", terminal=terminal.pk, work_request=request.pk, user=actor.label)
    return terminal


def close_terminal(ending: TerminalExit, *, now: datetime) -> None:
    """Write down how a terminal ended, unless that is known; one statement."""
    changed = Terminal.objects.filter(pk=ending.terminal, closed_at=None).update(
        closed_at=now, exit_code=ending.exit_code, reason=ending.reason
    )
    if changed:
        log.info("terminal-closed", terminal=ending.terminal, reason=ending.reason or None)
