# SPDX-License-Identifier: GPL-3.0-or-later
"""The ASGI server, in the event loop of this process."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import uvicorn
from typing_extensions import override

# how long requests that are under way may take once we are told to stop
GRACE_S = 2


class WebServer(uvicorn.Server):
    """
    uvicorn, which says when it answers and leaves signals to us.

    :param application: import path of the ASGI application
    """

    def __init__(self, application: str) -> None:
        super().__init__(
            uvicorn.Config(
                application,
                loop="none",
                http="httptools",
                ws="websockets-sansio",
                lifespan="on",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_keep_alive=75,
                timeout_graceful_shutdown=GRACE_S,
            )
        )
        self.answers = asyncio.Event()

    @override
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self.answers.set()

    @override
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
