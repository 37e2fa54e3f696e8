# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole ASGI application behind a real port, in a thread of the test."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Any

import uvicorn

from debusine.testing.waiting import PATIENCE_S, wait_for


class LiveServer:
    """
    A server on loopback; what it is asked happens in the test's database.

    The test has to commit what the server is to see.
    """

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.host = f"127.0.0.1:{self._socket.getsockname()[1]}"
        config = uvicorn.Config(
            "debusine.site.asgi:application",
            http="httptools",
            ws="websockets-sansio",
            lifespan="on",
            log_config=None,
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def url(self) -> str:
        """Scheme and host."""
        return f"http://{self.host}"

    def websocket_url(self, path: str) -> str:
        """
        URL of a WebSocket.

        :param path: after ``/api/ws/1.0/``
        """
        return f"ws://{self.host}/api/ws/1.0/{path}"

    @contextlib.contextmanager
    def running(self) -> Iterator[LiveServer]:
        """
        Serve for a while.

        :raises TimeoutError: if it does not start
        """
        self._thread.start()
        wait_for(lambda: self._server.started)
        try:
            yield self
        finally:
            self._server.should_exit = True
            self._thread.join(PATIENCE_S)
            self._socket.close()

    def _run(self) -> Any:
        return asyncio.run(self._server.serve(sockets=[self._socket]))
