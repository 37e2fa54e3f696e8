# SPDX-License-Identifier: GPL-3.0-or-later
"""A :class:`~debusine.testing.server.MemoryServer` behind real connections on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

from aiohttp import WSMsgType, web
from requests.structures import CaseInsensitiveDict

from debusine.testing.server import MemoryServer
from debusine.testing.server_artifacts import MOMENT
from debusine.testing.server_wire import Request
from debusine.wire.worker import FEATURE_LOG_OFFSETS, unpack_log_frame

# how long answers that are on their way may take when a server stops
_IN_FLIGHT_S = 0.5


class LiveServer:
    """
    Serves in a thread of its own, with WebSockets for the agent and for readers of logs.

    ::

        with LiveServer() as server:
            server.memory.add_work_request()
            ... an agent for server.url ...

    :param offsets: False behaves like 0.16: logs as text only, ``hello`` not understood
    """

    def __init__(self, *, offsets: bool = True) -> None:
        self.offsets = offsets
        self.memory = MemoryServer()
        self.logs: dict[int, bytearray] = {}
        self.texts: dict[int, list[str]] = {}
        self.exit_codes: dict[int, int] = {}
        self.hellos: list[dict[str, Any]] = []
        self.heartbeats: list[list[int]] = []
        self.violations: list[str] = []
        self.connections = 0
        # orders of a test
        self.accept_tokens = True
        self.hold_acknowledgements = False
        self.drop_after_bytes: list[int] = []
        self._sockets: set[web.WebSocketResponse] = set()
        self._port = 0

    @property
    def url(self) -> str:
        """Base of the API."""
        return f"http://127.0.0.1:{self._port}/api"

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._in_loop(self._start())
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._in_loop(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _in_loop(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(20)

    async def _start(self) -> None:
        app = web.Application(client_max_size=1024**3)
        app.router.add_get("/api/ws/1.0/worker/connect/", self._worker_socket)
        app.router.add_get(r"/api/ws/1.0/work-request/{id:\d+}/logs/", self._log_socket)
        app.router.add_route("*", "/{path:.*}", self._rest)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=_IN_FLIGHT_S)
        await self._runner.setup()
        await self._listen()

    async def _listen(self) -> None:
        listener = socket.create_server(("127.0.0.1", self._port))
        self._port = listener.getsockname()[1]
        self._site = web.SockSite(self._runner, listener)
        await self._site.start()
        self.memory.base_url = self.url

    async def _leave(self) -> None:
        # in this order: who is sent away comes back at once, also by a connection that is kept
        await self._site.stop()
        await self._close_sockets()
        assert self._runner.server is not None
        await self._runner.server.shutdown(_IN_FLIGHT_S)

    async def _stop(self) -> None:
        await self._close_sockets()
        await self._runner.cleanup()

    # for tests

    def announce_work(self) -> None:
        """Tell the agents that there is work."""
        self._in_loop(self._send_all({"text": "work_request_available"}))

    def abort(self, work_request_id: int) -> None:
        """Abort a work request and tell the agents."""
        self.memory.work_requests[work_request_id]["status"] = "aborted"
        self._in_loop(self._send_all({"text": "abort", "work_request_id": work_request_id}))

    def drain(self, reason: str) -> None:
        """Tell the agents to ask for nothing more."""
        self._in_loop(self._send_all({"text": "drain", "reason": reason}))

    def enable(self) -> None:
        """Tell the agents to ask again."""
        self._in_loop(self._send_all({"text": "enable"}))

    def drop_connections(self) -> None:
        """Close all WebSockets."""
        self._in_loop(self._close_sockets())

    def acknowledge_all(self) -> None:
        """Acknowledge what was held back."""
        self.hold_acknowledgements = False
        for number, content in self.logs.items():
            message = {"text": "log_ack", "work_request_id": number, "offset": len(content)}
            self._in_loop(self._send_all(message))

    @contextlib.contextmanager
    def down(self) -> Iterator[None]:
        """Be out of reach for a while."""
        self._in_loop(self._leave())
        yield
        self._in_loop(self._listen())

    async def _send_all(self, content: dict[str, Any]) -> None:
        for each in list(self._sockets):
            with contextlib.suppress(ConnectionError):
                await each.send_json({"type": "websocket.send", **content})

    async def _close_sockets(self) -> None:
        for each in list(self._sockets):
            await each.close()

    # what is served

    async def _rest(self, request: web.Request) -> web.StreamResponse:
        asked = Request(
            method=request.method,
            path=request.path,
            query=dict(request.query),
            headers=CaseInsensitiveDict(request.headers),
            body=await request.read(),
        )
        try:
            answer = self.memory.handle(asked)
        except ConnectionError:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        return web.Response(status=answer.status, body=answer.body, headers=dict(answer.headers))

    async def _worker_socket(self, request: web.Request) -> web.StreamResponse:
        response = web.WebSocketResponse(max_msg_size=0)
        await response.prepare(request)
        self.connections += 1
        if not self.accept_tokens:
            await response.send_json(
                {"type": "connection_rejected", "reason": "no", "reason_code": "TOKEN_DISABLED"}
            )
            await response.close()
            return response
        self._sockets.add(response)
        features = {"features": [FEATURE_LOG_OFFSETS]} if self.offsets else {}
        await response.send_json({"type": "websocket.send", "text": "connected", **features})
        await response.send_json({"type": "websocket.send", "text": "request_dynamic_metadata"})
        if self.memory.queue:
            await response.send_json({"type": "websocket.send", "text": "work_request_available"})
        try:
            async for frame in response:
                if frame.type is WSMsgType.BINARY:
                    await self._take_log(response, frame.data)
                else:
                    await self._take_text(response, json.loads(frame.data))
        finally:
            self._sockets.discard(response)
        return response

    async def _take_text(self, response: web.WebSocketResponse, frame: dict[str, Any]) -> None:
        number = frame.get("work_request_id", 0)
        match frame["type"]:
            case "hello":
                self.hellos.append(frame)
                for running in frame["running"] if self.offsets else ():
                    await self._acknowledge(response, running)
            case "heartbeat":
                self.heartbeats.append(frame["running"])
            case "log_data":
                self.texts.setdefault(number, []).append(frame["data"])
            case "log_data_end":
                self.exit_codes[number] = frame["exit_code"]
            case other:
                self.violations.append(f"unknown frame {other}")

    async def _take_log(self, response: web.WebSocketResponse, data: bytes) -> None:
        if not self.offsets:
            self.violations.append("binary frame for a server that takes text only")
            await response.close()
            return
        header, content = unpack_log_frame(data)
        stored = self.logs.setdefault(header.work_request_id, bytearray())
        if self.drop_after_bytes and len(stored) + len(content) > self.drop_after_bytes[0]:
            self.drop_after_bytes.pop(0)
            await response.close()
            return
        if header.offset > len(stored):
            self.violations.append(f"gap: {header.offset} after {len(stored)}")
        known = stored[header.offset : header.offset + len(content)]
        if known != content[: len(known)]:
            self.violations.append(f"other bytes at {header.offset}")
        stored += content[len(stored) - header.offset :]
        if not self.hold_acknowledgements:
            await self._acknowledge(response, header.work_request_id)

    async def _acknowledge(self, response: web.WebSocketResponse, number: int) -> None:
        content = {"text": "log_ack", "work_request_id": number}
        content |= {"offset": len(self.logs.get(number, b""))}
        await response.send_json({"type": "websocket.send", **content})

    async def _log_socket(self, request: web.Request) -> web.StreamResponse:
        number = int(request.match_info["id"])
        response = web.WebSocketResponse()
        await response.prepare(request)
        if number not in self.memory.work_requests:
            await response.send_json(
                {"type": "connection_rejected", "reason": "no such", "reason_code": "not_found"}
            )
            await response.close()
            return response
        self._sockets.add(response)
        await response.send_json({"type": "connected"})
        position = int(request.query.get("offset", 0))
        with contextlib.suppress(ConnectionError):
            await self._show_log(response, number, position)
        self._sockets.discard(response)
        await response.close()
        return response

    async def _show_log(self, response: web.WebSocketResponse, number: int, position: int) -> None:
        while not response.closed:
            final = self.memory.work_requests[number]["status"] in ("completed", "aborted")
            data = bytes(self.logs.get(number, b"")[position : position + 1000])
            if data:
                frame = {"type": "log_data", "data": data.decode(errors="replace")}
                frame |= {"stream": "stdout", "timestamp": MOMENT}
                await response.send_json({**frame, "offset": position, "length": len(data)})
                position += len(data)
            elif final:
                return
            else:
                await asyncio.sleep(0.02)
