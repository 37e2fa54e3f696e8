# SPDX-License-Identifier: GPL-3.0-or-later
"""
Hints that a socket gets from the channel layer, which may vanish at any moment.

Nothing depends on a hint: sockets look for themselves at every tick. So what fails here is
logged and tried again later.
"""

from __future__ import annotations

import asyncio
from typing import Any

import structlog
from channels.layers import get_channel_layer

# how long a layer that fails is left alone
_PAUSE_S = 1.0

log = structlog.get_logger(__name__)


class Hints:
    """The hints for one socket."""

    def __init__(self) -> None:
        self._layer: Any = get_channel_layer()
        self._channel = ""
        self._groups: set[str] = set()
        self._missing: set[str] = set()

    async def join(self, group: str) -> None:
        """Get the messages of a group, from now on or from when the layer works again."""
        self._groups.add(group)
        self._missing.add(group)
        await self.join_missing()

    async def join_missing(self) -> None:
        """Try again to join what could not be joined."""
        for group in sorted(self._missing):
            try:
                if not self._channel:
                    self._channel = await self._layer.new_channel()
                await self._layer.group_add(group, self._channel)
            except Exception as error:  # noqa: BLE001  layers raise what their servers do
                log.warning("hints-missing", group=group, problem=str(error))
                return
            self._missing.discard(group)

    async def next(self) -> dict[str, Any]:
        """Wait for the next message, however long the layer is gone meanwhile."""
        while True:
            try:
                if self._channel:
                    message: dict[str, Any] = await self._layer.receive(self._channel)
                    return message
            except Exception as error:  # noqa: BLE001  see above
                log.warning("hints-missing", problem=str(error))
                self._missing |= self._groups
            await asyncio.sleep(_PAUSE_S)

    async def tell(self, group: str, message: dict[str, Any]) -> None:
        """Send a message to a group, if the layer works."""
        try:
            await self._layer.group_send(group, message)
        except Exception as error:  # noqa: BLE001  see above
            log.warning("hint-lost", group=group, problem=str(error))

    async def leave(self) -> None:
        """Get no more messages."""
        for group in sorted(self._groups - self._missing):
            try:
                await self._layer.group_discard(group, self._channel)
            except Exception as error:  # noqa: BLE001  see above
                log.warning("hints-not-left", group=group, problem=str(error))
                return
