# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of WebSockets: every module here that has a ``PATTERN`` and a ``Consumer``."""

from __future__ import annotations

import re

from asgiref.typing import ASGIReceiveCallable, ASGISendCallable, WebSocketScope

from debusine.util.discovery import load_all

PREFIX = "/api/ws/1.0/"


async def sockets(
    scope: WebSocketScope, receive: ASGIReceiveCallable, send: ASGISendCallable
) -> None:
    """Hand a connection to the consumer of its path; refuse the others with 403."""
    path = scope["path"].removeprefix(PREFIX)
    for module in load_all("debusine.api.sockets"):
        pattern = getattr(module, "PATTERN", None)
        if not isinstance(pattern, re.Pattern):
            continue
        match = pattern.fullmatch(path)
        if match is not None and scope["path"].startswith(PREFIX):
            await module.Consumer(**match.groupdict())(scope, receive, send)
            return
    await receive()
    # before it is accepted, that is a 403
    await send({"type": "websocket.close", "code": 1000, "reason": ""})
