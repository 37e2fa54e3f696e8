# SPDX-License-Identifier: GPL-3.0-or-later
"""A program that webhooks post to, on loopback."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from typing_extensions import override


@dataclass(kw_only=True)
class Receiver:
    """
    Takes messages, and answers as it is told.

    :param received: headers by name in lower case, and body
    :param answers: statuses of the next answers; 204 after them
    :param hold: while it is set, nothing is answered
    """

    host: str
    port: int = 0
    received: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    hold: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        """Where to post."""
        return f"http://{self.host}:{self.port}/hook"


@contextlib.contextmanager
def receiver(host: str = "127.0.0.1", port: int = 0) -> Iterator[Receiver]:
    """
    Have one for a while.

    :param host: an address of loopback
    """
    it = Receiver(host=host)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            it.received.append(({key.lower(): value for key, value in self.headers.items()}, body))
            if it.hold.is_set():
                it.go_on.wait(30)
            status = it.answers.pop(0) if it.answers else 204
            with contextlib.suppress(OSError):
                self.send_response(status)
                self.send_header("Location", f"http://127.0.0.1:{it.port}/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

        @override
        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer((host, port), Handler)
    it.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield it
    finally:
        it.go_on.set()
        server.shutdown()
        server.server_close()
        thread.join()
