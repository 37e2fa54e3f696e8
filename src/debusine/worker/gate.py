# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the agent asks for work: not while it is drained, and not once it leaves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

log = structlog.get_logger(__name__)


class Gate:
    """
    What every question for work passes; knows what came of them.

    :param left: called when the agent was to leave, and has nothing left to do
    """

    def __init__(self, left: Callable[[], None]) -> None:
        self.taken: set[int] = set()
        """Work requests from the moment they are ours until nothing of them is left."""
        self._left = left
        self._open = asyncio.Event()
        self._open.set()
        self._asking = 0
        self._is_leaving = False

    @property
    def is_open(self) -> bool:
        """Whether the agent asks."""
        return self._open.is_set()

    def drain(self, reason: str) -> None:
        """Ask no more: an administrator wants it."""
        log.warning("drained", reason=reason or None)
        self._open.clear()

    def enable(self) -> None:
        """Ask again, unless the agent leaves."""
        if not self._is_leaving:
            log.info("enabled")
            self._open.set()

    def close(self) -> None:
        """Ask no more, whatever administrators want."""
        self._is_leaving = True
        self._open.clear()

    def leave(self) -> None:
        """Ask no more, and leave as soon as nothing is left to do."""
        log.info("leaving", running=sorted(self.taken))
        self.close()
        self._check()

    async def enter(self) -> None:
        """Wait until questions are allowed; :meth:`answered` ends the one that begins."""
        await self._open.wait()
        self._asking += 1

    def answered(self, work_request_id: int | None) -> None:
        """Take the answer to a question: a work request that is ours now, or None."""
        self._asking -= 1
        if work_request_id is not None:
            self.taken.add(work_request_id)
        self._check()

    def ended(self, work_request_id: int) -> None:
        """Forget a work request; nothing of it is left."""
        self.taken.discard(work_request_id)
        self._check()

    def _check(self) -> None:
        if self._is_leaving and not self._asking and not self.taken:
            self._left()
