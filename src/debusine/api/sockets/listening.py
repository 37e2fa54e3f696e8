# SPDX-License-Identifier: GPL-3.0-or-later
"""
Sockets that show events as they happen.

A message only makes the socket look, from the position it has reached; a look at every
tick finds what no message told. Who listens is asked anew then, too: tokens end.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from typing_extensions import override

from debusine.api.sockets.base import RejectedError, Socket
from debusine.api.sockets.identity import actor_of
from debusine.db.models import Event
from debusine.errors import DebusineError, NotFoundError, PermissionDeniedError
from debusine.server import wake
from debusine.server.threads import in_thread
from debusine.server.views.event import (
    EventCursorError,
    Listener,
    listener_for,
    position_of,
    read_events,
)


class ListeningSocket(Socket, ABC):
    """One listener; subclasses say what it is shown."""

    tick_s = 5.0

    def __init__(self) -> None:
        super().__init__()
        self.listener: Listener
        self.position = 0

    async def listen(self, *, cursor: str | None = None, kinds: str = "") -> None:
        """
        Begin to listen after a cursor, or from now on; what ``?workspaces=`` names.

        :raises RejectedError: if nobody asks who may listen, or for what is not there
        """
        await self.join(wake.EVENTS)
        self.listener = await self._identify(kinds)
        try:
            self.position = await in_thread(position_of, cursor)
        except DebusineError as error:
            raise _rejected(error) from error

    async def _identify(self, kinds: str) -> Listener:
        """
        Find out who listens, and to what it may.

        :raises RejectedError: if it may not
        """
        workspaces = self.query().get("workspaces", "")
        try:
            actor = await actor_of(self)
            return await in_thread(listener_for, actor, workspaces=workspaces, kinds=kinds)
        except (NotFoundError, PermissionDeniedError) as error:
            raise _rejected(error) from error

    @override
    async def hinted(self, message: dict[str, Any]) -> None:
        if self.listener.is_concerned(message.get("workspaces", ())):
            await self.catch_up()

    @override
    async def ticked(self) -> None:
        self.listener = await self._identify(",".join(self.listener.kinds))
        await self.catch_up()

    async def catch_up(self) -> None:
        """
        Show everything up to now.

        :raises RejectedError: if the other side is so slow that events are gone by now
        """
        more = True
        while more:
            try:
                found = await in_thread(read_events, self.listener, self.position)
            except EventCursorError as error:
                raise _rejected(error) from error
            for row in found.rows:
                await self.show(row)
            self.position, more = found.position, found.more

    @abstractmethod
    async def show(self, event: Event) -> None:
        """Tell the other side of an event that it may see."""


def _rejected(error: DebusineError) -> RejectedError:
    code = error.code if isinstance(error, EventCursorError) else None
    return RejectedError(error.explain(), code)
