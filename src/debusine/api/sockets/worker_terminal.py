# SPDX-License-Identifier: GPL-3.0-or-later
"""What terminals in the environments of one worker show: kept, then passed on."""

from __future__ import annotations

import asyncio
from typing import Any

import structlog
from django.conf import settings

from debusine.api.sockets.base import Socket
from debusine.db.models import Terminal
from debusine.server import wake
from debusine.server.actions.open_terminal import close_terminal
from debusine.server.full_disk import NoSpaceError
from debusine.server.terminal_log import open_terminal_log
from debusine.server.threads import in_thread
from debusine.util.clock import SystemClock
from debusine.wire.base import WireModel
from debusine.wire.terminal import TerminalClose, TerminalData, TerminalExit, parse_agent_frame

_MIB = 1024**2
# a worker keeps a few environments with a few terminals each
_KNOWN = 1000

log = structlog.get_logger(__name__)
_clock = SystemClock()


def as_hint(frame: WireModel) -> dict[str, Any]:
    """Make the message to a group that carries a frame."""
    return {"type": "terminal.frame", "frame": frame.model_dump(mode="json")}


class WorkerTerminals:
    """
    The terminals in what one worker keeps.

    :param socket: of the worker
    """

    def __init__(self, socket: Socket, worker_id: int) -> None:
        self._socket = socket
        self._worker_id = worker_id
        self._known: set[int] = set()

    async def take(self, content: object) -> WireModel | None:
        """
        Keep what a terminal shows, and pass it on; frames for those of others are dropped.

        :returns: what the worker is to be told
        :raises ValueError: if it is not understood
        """
        frame = parse_agent_frame(content)
        if not await self._is_ours(frame.terminal):
            return None
        if isinstance(frame, TerminalData):
            problem = await self._keep(frame)
            if problem is not None:
                return TerminalClose(terminal=frame.terminal, reason=problem)
        elif isinstance(frame, TerminalExit):
            self._known.discard(frame.terminal)
            await in_thread(close_terminal, frame, now=_clock.now())
        await self._socket.tell(wake.terminal_group(frame.terminal), as_hint(frame))
        return None

    async def _is_ours(self, terminal: int) -> bool:
        if terminal not in self._known:
            if not await in_thread(_is_open_on, terminal, self._worker_id):
                return False
            if len(self._known) >= _KNOWN:
                self._known.clear()
            self._known.add(terminal)
        return True

    async def _keep(self, frame: TerminalData) -> str | None:
        """Add what is shown to its log; says why the terminal has to end if that cannot be."""
        limit_mib = settings.DEBUSINE.terminal_log_mib
        if frame.offset + len(frame.data) > limit_mib * _MIB:
            return f"it has shown {limit_mib} MiB, which is all that is kept of one"
        try:
            await asyncio.to_thread(
                open_terminal_log(frame.terminal).append,
                frame.data,
                offset=frame.offset,
                stream="stdout",
                timestamp=_clock.now(),
            )
        except NoSpaceError as error:
            log.warning("terminal-not-kept", terminal=frame.terminal, problem=error.explain())
            return "the server has no room to keep what it shows"
        return None


def _is_open_on(terminal: int, worker_id: int) -> bool:
    return Terminal.objects.filter(
        pk=terminal, closed_at=None, hold__worker=worker_id, hold__ended_at=None
    ).exists()
