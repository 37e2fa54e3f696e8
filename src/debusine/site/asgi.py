# SPDX-License-Identifier: GPL-3.0-or-later
"""
The ASGI root: file transfer, sockets, and Django for everything else.

File transfer stands beside Django, as Django holds whole bodies in memory.
"""

from __future__ import annotations

import asyncio
import os
import re

import django
from asgiref.typing import ASGIReceiveCallable, ASGISendCallable, Scope

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "debusine.site.settings")
django.setup(set_prefix=False)

# everything below needs the settings
from debusine.api import enrolment_http, event_http  # noqa: E402
from debusine.api.sockets.routing import sockets  # noqa: E402
from debusine.api.transfer import application as transfer  # noqa: E402
from debusine.api.transfer import handles as is_transfer  # noqa: E402
from debusine.server import wake  # noqa: E402
from debusine.server.threads import close_connections  # noqa: E402
from debusine.site.django_app import DjangoApplication  # noqa: E402

_SLASHES = re.compile("//+")
_django = DjangoApplication()


async def application(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
    """Answer one connection."""
    if scope["type"] == "lifespan":
        await _lifespan(receive, send)
        return
    # clients configured with a trailing slash ask for /api//ws/1.0/...
    if "//" in scope["path"]:
        scope["path"] = _SLASHES.sub("/", scope["path"])
        scope["raw_path"] = _SLASHES.sub("/", scope["raw_path"].decode()).encode()
    if scope["type"] == "websocket":
        await sockets(scope, receive, send)
    elif is_transfer(scope):
        await transfer(scope, receive, send)
    elif enrolment_http.handles(scope):
        await enrolment_http.application(scope, receive, send)
    elif event_http.streams(scope):
        await event_http.stream(scope, receive, send)
    else:
        if event_http.waits(scope):
            receive = await event_http.wait_for_events(scope, receive)
        await _django(scope, receive, send)


async def _lifespan(receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
    """Tell threads where the event loop is, for as long as the server runs."""
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            wake.set_loop(asyncio.get_running_loop())
            await send({"type": "lifespan.startup.complete"})
        else:
            wake.set_loop(None)
            await asyncio.to_thread(close_connections)
            await send({"type": "lifespan.shutdown.complete"})
            return
