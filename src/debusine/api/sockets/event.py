# SPDX-License-Identifier: GPL-3.0-or-later
"""
What happens, as it happens.

``?after=CURSOR`` begins with what happened after it, else with what comes. ``connected`` and
``cursor`` frames say where to go on if the connection breaks.
"""

from __future__ import annotations

import re

from typing_extensions import override

from debusine.api.sockets.listening import ListeningSocket
from debusine.db.models import Event
from debusine.server.views.event import view_event

PATTERN = re.compile("event/")


class Consumer(ListeningSocket):
    """One listener."""

    def __init__(self) -> None:
        super().__init__()
        self._told = 0

    @override
    async def opened(self) -> None:
        query = self.query()
        await self.listen(cursor=query.get("after"), kinds=query.get("kinds", ""))
        self._told = self.position
        await self.send({"type": "connected", "cursor": str(self.position)})
        await self.catch_up()

    @override
    async def ticked(self) -> None:
        await super().ticked()
        if self.position != self._told:
            # whoever is told of nothing else need not come back to events that are gone
            self._told = self.position
            await self.send({"type": "cursor", "cursor": str(self.position)})

    @override
    async def show(self, event: Event) -> None:
        self._told = event.position or self._told
        await self.send({"type": "event", **view_event(event).model_dump(mode="json")})
