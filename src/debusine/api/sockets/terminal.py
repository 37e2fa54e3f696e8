# SPDX-License-Identifier: GPL-3.0-or-later
"""
A terminal in an environment that is kept: an addition of ours to the API.

The first frame says what is wanted (:class:`~debusine.wire.terminal.TerminalWanted`), the
answer is ``connected``, or why not. From then on frames pass between the person and the
agent, both ways. Tokens only: no page of a browser opens terminals.
"""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any

import structlog
from django.conf import settings
from typing_extensions import override

from debusine.api.sockets.base import Finished, RejectedError, Socket
from debusine.api.sockets.identity import actor_of
from debusine.api.sockets.worker_terminal import as_hint
from debusine.db.models import Terminal, WorkRequest
from debusine.errors import ConflictError, NotFoundError, PermissionDeniedError
from debusine.server import wake
from debusine.server.actions.open_terminal import close_terminal, open_terminal, require_terminals
from debusine.server.actor import Actor
from debusine.server.threads import in_thread
from debusine.server.views.work_request import find_work_request
from debusine.util.clock import SystemClock
from debusine.wire.base import WireModel
from debusine.wire.terminal import (
    TerminalAlive,
    TerminalClose,
    TerminalExit,
    TerminalOpen,
    TerminalWanted,
    TerminalWelcome,
    parse_client_frame,
)

PATTERN = re.compile("work-request/(?P<work_request_id>[0-9]{1,18})/terminal/")
# frames that are passed on before the agent says anything; it answers to what is typed
MAX_UNANSWERED = 64

log = structlog.get_logger(__name__)
_clock = SystemClock()


class Consumer(Socket):
    """One person at one terminal."""

    tick_s = 5.0

    def __init__(self, work_request_id: str) -> None:
        super().__init__()
        self._id = int(work_request_id)
        self._request: WorkRequest
        self._terminal: Terminal | None = None
        self._worker_id = 0
        self._unanswered = 0
        self._is_over = False

    @override
    async def opened(self) -> None:
        await self._check()

    async def _check(self) -> Actor:
        """
        Find out who asks, and whether they may; that an environment is there tells nothing.

        :raises RejectedError: if they may not
        """
        if self.header("token") is None:
            raise RejectedError("this needs the token of a user", "permission_denied")
        try:
            actor = await actor_of(self)
            self._request = await in_thread(_find, actor, self._id)
        except NotFoundError as error:
            raise RejectedError("Work request not found", "not_found") from error
        except PermissionDeniedError as error:
            raise RejectedError(error.explain(), "permission_denied") from error
        return actor

    @override
    async def received_text(self, text: str) -> None:
        try:
            content = json.loads(text)
            if self._terminal is None:
                await self._open(TerminalWanted.model_validate(content))
                return
            frame = parse_client_frame(content)
        except (ValueError, RecursionError) as error:
            raise RejectedError(f"frame not understood: {error}"[:400], "bad_frame") from error
        if self._unanswered < MAX_UNANSWERED:
            self._unanswered += 1
            await self._pass_on(frame)

    async def _open(self, wanted: TerminalWanted) -> None:
        """
        Have the agent open it.

        :raises RejectedError: if there is nothing to open it in
        """
        try:
            actor = await self._check()
            terminal = await in_thread(
                open_terminal, actor, request=self._request, wanted=wanted, now=_clock.now()
            )
        except (ConflictError, PermissionDeniedError) as error:
            raise RejectedError(error.explain(), error.code) from error
        hold = terminal.hold
        assert hold.worker is not None, "it is kept somewhere"
        self._worker_id = hold.worker.pk
        self._terminal = terminal
        await self.join(wake.terminal_group(terminal.pk))
        idle_s = max(1, int(settings.DEBUSINE.terminal_idle.total_seconds()))
        await self.send(
            TerminalWelcome(
                terminal=terminal.pk,
                worker=hold.worker.name,
                network=hold.network,
                until=hold.until,
                idle_s=idle_s,
            )
        )
        await self._pass_on(TerminalOpen(**dict(wanted), work_request_id=self._id, idle_s=idle_s))

    async def _pass_on(self, frame: WireModel) -> None:
        """Send something to the agent, in the name of this terminal."""
        assert self._terminal is not None, "it is open"
        own = frame.model_copy(update={"terminal": self._terminal.pk})
        await self.tell(wake.worker_group(self._worker_id), as_hint(own))

    @override
    async def hinted(self, message: dict[str, Any]) -> None:
        self._unanswered = 0
        frame = message["frame"]
        await self.send(frame)
        if frame["kind"] == "exit":
            self._is_over = True
            raise Finished

    @override
    async def ticked(self) -> None:
        self._unanswered = 0
        await self._check()
        if self._terminal is None:
            return
        await self._pass_on(TerminalAlive())
        ending = await in_thread(_ending_of, self._terminal.pk)
        if ending is not None:
            # the message about it got lost
            await self.send(ending)
            self._is_over = True
            raise Finished

    @override
    async def closed(self) -> None:
        if self._terminal is not None and not self._is_over:
            reason = "the person left"
            await self._pass_on(TerminalClose(reason=reason))
            ending = TerminalExit(terminal=self._terminal.pk, reason=reason)
            await in_thread(close_terminal, ending, now=_clock.now())


def _find(actor: Actor, work_request_id: int) -> WorkRequest:
    found = find_work_request(actor, work_request_id)
    require_terminals(actor, found)
    return found


def _ending_of(terminal_id: int) -> TerminalExit | None:
    """How a terminal ended; None while it is open."""
    row: tuple[datetime | None, int | None, str] | None = (
        Terminal.objects.filter(pk=terminal_id)
        .values_list("closed_at", "exit_code", "reason")
        .first()
    )
    if row is None:
        return TerminalExit(terminal=terminal_id, reason="its work request was removed")
    closed_at, exit_code, reason = row
    if closed_at is None:
        return None
    return TerminalExit(terminal=terminal_id, exit_code=exit_code, reason=reason)
