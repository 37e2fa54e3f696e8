# SPDX-License-Identifier: GPL-3.0-or-later
"""The agent's WebSocket: what the server wants, and logs on their way to it."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Protocol

import aiohttp
import structlog
from pydantic import ValidationError

from debusine import __version__
from debusine.client.identity import USER_AGENT
from debusine.domain.program_version import explain_apart
from debusine.domain.resources import ONE_SLOT, Offer
from debusine.util.clock import Clock, SystemClock
from debusine.wire.base import WireModel
from debusine.wire.hold import HoldWish
from debusine.wire.work_request import WorkRequestCompleted
from debusine.wire.worker import (
    FEATURE_ABORT,
    FEATURE_DRAIN,
    FEATURE_HEARTBEAT,
    FEATURE_HOLD,
    FEATURE_LOG_OFFSETS,
    FEATURE_RESERVATION,
    Heartbeat,
    Hello,
    LogData,
    LogDataEnd,
    LogFrameHeader,
    Message,
    pack_log_frame,
)
from debusine.worker.log_stream import LogStreamer
from debusine.worker.text_log import TextLog

FEATURES = [
    FEATURE_LOG_OFFSETS,
    FEATURE_HEARTBEAT,
    FEATURE_ABORT,
    FEATURE_DRAIN,
    FEATURE_RESERVATION,
]
HEARTBEAT_S = 15.0
# an old server says nothing to a hello; ours answers at once
ANSWER_S = 3.0
_PING_S = 30.0
# more than terminals can have on their way; what is lost is sent again
_MAX_FRAMES = 10_000

log = structlog.get_logger(__name__)


class HoldHandlers(Protocol):
    """What an agent does that keeps environments."""

    def report(self) -> None:
        """Say what is kept."""
        ...

    def wish(self, work_request_id: int, wish: HoldWish) -> None:
        """Keep an environment."""
        ...

    def release(self, work_request_id: int) -> None:
        """End one."""
        ...

    def take(self, content: object) -> None:
        """Pass something on to a terminal."""
        ...


@dataclass(kw_only=True)
class Handlers:
    """What the agent does when the server says something."""

    work_available: Callable[[], None]
    metadata_wanted: Callable[[], None]
    abort: Callable[[int], None]
    drain: Callable[[str], None]
    enable: Callable[[], None]
    holds: HoldHandlers | None = None


@dataclass(kw_only=True)
class Connection:
    """
    One connection after the other; logs go on where they stopped.

    :param url: of the socket, ``ws://`` or ``wss://``
    :param heartbeat_s: pause between two signs of life
    :param offer: what this machine has for tasks
    """

    session: aiohttp.ClientSession
    url: str
    key: str
    handlers: Handlers
    heartbeat_s: float = HEARTBEAT_S
    answer_s: float = ANSWER_S
    clock: Clock = field(default_factory=SystemClock)
    offer: Offer = ONE_SLOT

    def __post_init__(self) -> None:
        self._streams: dict[int, LogStreamer] = {}
        self._wake = asyncio.Event()
        # None until it is known whether this server takes logs with offsets
        self._takes_offsets: bool | None = None
        self._texts: dict[int, TextLog] = {}
        self._is_ours = False
        self._takes_holds = False
        self._frames: deque[str] = deque(maxlen=_MAX_FRAMES)
        self._flushed = asyncio.Event()

    def say(self, frame: WireModel) -> None:
        """Send a frame about environments that are kept, if the server understands it."""
        if self._takes_holds:
            self._frames.append(frame.model_dump_json(exclude_none=True))
            self._wake.set()

    async def flush(self) -> None:
        """Wait until the frames about environments are sent, if there is a connection."""
        if self._takes_holds and self._frames:
            self._flushed.clear()
            self._wake.set()
            await self._flushed.wait()

    def add(self, streamer: LogStreamer) -> None:
        """Send a log, from now on."""
        self._streams[streamer.work_request_id] = streamer
        self._wake.set()

    def remove(self, work_request_id: int) -> None:
        """Forget a log, sent or not."""
        self._streams.pop(work_request_id, None)
        self._texts.pop(work_request_id, None)

    def wake(self) -> None:
        """Say that there may be something to send."""
        self._wake.set()

    def understood(self, report: WorkRequestCompleted) -> WorkRequestCompleted:
        """Leave out of a report what servers of 0.16 would refuse all of it for."""
        output = report.output_data
        ours = {"apt_indexes": None, "network": None, "emulated": None}
        if self._is_ours or output is None or not ours.keys() & output.model_fields_set:
            return report
        known = output.model_copy(update=ours)
        return report.model_copy(update={"output_data": known})

    async def run_once(self) -> bool:
        """
        Connect and serve until the connection breaks.

        :returns: whether the server accepted us
        :raises aiohttp.ClientError: if it cannot be reached, also OSError, TimeoutError
        """
        async with self.session.ws_connect(
            self.url,
            headers={"token": self.key, "User-Agent": USER_AGENT},
            heartbeat=_PING_S,
            max_msg_size=1024 * 1024,
        ) as socket:
            self._takes_offsets = None
            self._takes_holds = False
            self._frames.clear()
            self._texts.clear()
            for streamer in self._streams.values():
                streamer.rewind()
            hello = Hello(
                version=__version__,
                features=FEATURES + ([FEATURE_HOLD] if self.handlers.holds else []),
                running=sorted(self._streams),
                **asdict(self.offer),
            )
            await socket.send_str(hello.model_dump_json())
            helpers = [
                asyncio.create_task(self._send_logs(socket)),
                asyncio.create_task(self._send_heartbeats(socket)),
                asyncio.create_task(self._stop_waiting_for_answer()),
            ]
            try:
                return await self._receive(socket)
            finally:
                self._takes_holds = False
                self._flushed.set()
                for helper in helpers:
                    helper.cancel()
                await asyncio.gather(*helpers, return_exceptions=True)

    async def _receive(self, socket: aiohttp.ClientWebSocketResponse) -> bool:
        accepted = False
        async for frame in socket:
            if frame.type is not aiohttp.WSMsgType.TEXT:
                continue
            try:
                message = Message.model_validate(json.loads(frame.data))
            except (ValueError, ValidationError) as error:
                log.warning("frame-not-understood", problem=str(error))
                continue
            if message.text is not None:
                accepted = True
                self._obey(message)
            elif message.reason_code == "VERSION_MISMATCH":
                log.error("version-does-not-fit", problem=message.reason)
            else:
                log.warning("connection-rejected", reason=message.reason, code=message.reason_code)
        return accepted

    def _obey(self, message: Message) -> None:
        match message.text:
            case "connected":
                self._take_welcome(message)
            case "request_dynamic_metadata":
                self.handlers.metadata_wanted()
            case "work_request_available":
                self.handlers.work_available()
            case "abort" if message.work_request_id is not None:
                self.handlers.abort(message.work_request_id)
            case "drain":
                self.handlers.drain(message.reason or "")
            case "enable":
                self.handlers.enable()
            case "log_ack":
                self._take_acknowledgement(message)
            case _ if self.handlers.holds is not None:
                _obey_about_holds(message, self.handlers.holds)
            case _:
                log.debug("frame-ignored", text=message.text)

    def _take_welcome(self, message: Message) -> None:
        log.info("connected", url=self.url)
        # no other server says its version
        self._is_ours = message.version is not None
        if (problem := explain_apart(__version__, message.version or "")) is not None:
            log.error("version-does-not-fit", problem=problem)
        features = message.features or ()
        if FEATURE_LOG_OFFSETS in features:
            self._decide(takes_offsets=True)
        if FEATURE_HOLD in features and self.handlers.holds is not None:
            self._takes_holds = True
            self.handlers.holds.report()

    def _take_acknowledgement(self, message: Message) -> None:
        first = self._takes_offsets is None
        self._decide(takes_offsets=True)
        streamer = self._streams.get(message.work_request_id or 0)
        if streamer is None or message.offset is None:
            return
        if first:
            streamer.rewind(message.offset)
        else:
            streamer.acknowledge(message.offset)

    def _decide(self, *, takes_offsets: bool) -> None:
        if self._takes_offsets is None:
            self._takes_offsets = takes_offsets
            self._wake.set()

    async def _stop_waiting_for_answer(self) -> None:
        await asyncio.sleep(self.answer_s)
        if self._takes_offsets is None:
            log.info("server-takes-text-logs-only")
        self._decide(takes_offsets=False)

    async def _send_heartbeats(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        while True:
            await asyncio.sleep(self.heartbeat_s)
            beat = Heartbeat(running=sorted(self._streams))
            await socket.send_str(beat.model_dump_json())

    async def _send_logs(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        while True:
            self._wake.clear()
            busy = False
            while self._frames:
                await socket.send_str(self._frames.popleft())
            self._flushed.set()
            if self._takes_offsets is not None:
                for streamer in list(self._streams.values()):
                    busy |= await self._send_piece(socket, streamer)
            if not busy:
                await self._wake.wait()

    async def _send_piece(
        self, socket: aiohttp.ClientWebSocketResponse, streamer: LogStreamer
    ) -> bool:
        """Send one frame; False if there is none to send now."""
        piece = streamer.take()
        if piece is not None and self._takes_offsets:
            await socket.send_bytes(pack_log_frame(*piece))
        elif piece is not None:
            await self._send_text(socket, streamer, *piece)
        elif streamer.exit_code is not None and streamer.all_sent and not streamer.end_sent:
            streamer.end_sent = True
            end = LogDataEnd(
                work_request_id=streamer.work_request_id,
                exit_code=streamer.exit_code,
                timestamp=self.clock.now(),
            )
            await socket.send_str(end.model_dump_json())
        else:
            return False
        return True

    async def _send_text(
        self,
        socket: aiohttp.ClientWebSocketResponse,
        streamer: LogStreamer,
        header: LogFrameHeader,
        data: bytes,
    ) -> None:
        """Send as 0.16 wants it; such a server does not say what it has."""
        text_log = self._texts.setdefault(streamer.work_request_id, TextLog())
        last = streamer.exit_code is not None and streamer.all_sent
        text = text_log.decode(data, header.stream, last=last)
        if text:
            frame = LogData(
                work_request_id=header.work_request_id,
                data=text,
                stream=header.stream,
                timestamp=header.timestamp,
            )
            await socket.send_str(frame.model_dump_json())
        streamer.acknowledge(header.offset + len(data))


def _obey_about_holds(message: Message, holds: HoldHandlers) -> None:
    number = message.work_request_id
    match message.text:
        case "hold" if number is not None and message.hold is not None:
            holds.wish(number, message.hold)
        case "release" if number is not None:
            holds.release(number)
        case "terminal" if message.frame is not None:
            try:
                holds.take(message.frame)
            except ValueError as error:
                log.warning("frame-not-understood", problem=str(error))
        case _:
            log.debug("frame-ignored", text=message.text)
