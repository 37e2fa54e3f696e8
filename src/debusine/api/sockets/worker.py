# SPDX-License-Identifier: GPL-3.0-or-later
"""
Server and worker talk.

What our own agents understand beyond 0.16 is described in :mod:`debusine.wire.worker`.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import structlog
from typing_extensions import override

from debusine import __version__
from debusine.api.sockets.base import TOKEN_DISABLED, Finished, RejectedError, Socket
from debusine.api.sockets.identity import actor_of
from debusine.api.sockets.worker_log import WorkerLogs
from debusine.api.sockets.worker_terminal import WorkerTerminals
from debusine.db.models import Attempt, Token, Worker, WorkerType
from debusine.domain.resources import ONE_SLOT, Offer
from debusine.errors import PermissionDeniedError
from debusine.server import scheduler, wake
from debusine.server.actions.note_holds import note_holds
from debusine.server.actions.renew_lease import greet_worker, renew_lease
from debusine.server.actor import Actor
from debusine.server.orders import note_version, read_orders
from debusine.server.reservation import OFFER_FIELDS
from debusine.server.threads import in_thread
from debusine.server.views.hold import can_keep, open_holds_of, wish_of
from debusine.server.worker_tags import capability
from debusine.util.clock import SystemClock
from debusine.wire.hold import Holds
from debusine.wire.worker import (
    FEATURE_ABORT,
    FEATURE_DRAIN,
    FEATURE_HEARTBEAT,
    FEATURE_HOLD,
    FEATURE_LOG_OFFSETS,
    Heartbeat,
    Hello,
    LogData,
    LogDataEnd,
    Message,
    unpack_log_frame,
)

VERSION_MISMATCH = "VERSION_MISMATCH"
PATTERN = re.compile("worker/connect/")
FEATURES = [FEATURE_LOG_OFFSETS, FEATURE_HEARTBEAT, FEATURE_ABORT, FEATURE_DRAIN, FEATURE_HOLD]
METADATA_EVERY_S = 3600.0
_SERVED = frozenset({WorkerType.EXTERNAL.value, WorkerType.SIGNING.value})

log = structlog.get_logger(__name__)
_clock = SystemClock()


class Consumer(Socket):
    """The socket of one worker."""

    tick_s = 15.0

    def __init__(self) -> None:
        super().__init__()
        self._actor: Actor
        self._worker_id: int | None = None
        self._logs: WorkerLogs
        self._terminals: WorkerTerminals
        self._connected_at: datetime
        self._metadata_due = 0.0
        # as the agent knows it; None while it takes work
        self._drain_reason: str | None = None

    @override
    async def opened(self) -> None:
        try:
            self._actor = await actor_of(self)
        except PermissionDeniedError as error:
            raise RejectedError(error.brief, TOKEN_DISABLED) from error
        worker = self._actor.worker
        if worker is None:
            raise RejectedError("no enabled worker token", TOKEN_DISABLED)
        if worker.worker_type not in _SERVED:
            raise RejectedError(f"workers of type {worker.worker_type} do not connect")
        self._worker_id = worker.pk
        self._logs = WorkerLogs(worker.pk)
        self._terminals = WorkerTerminals(self, worker.pk)
        self._connected_at = _clock.now()
        await self.join(wake.worker_group(worker.pk))
        has_work = await in_thread(_connect, self._actor, now=self._connected_at)
        await self._say("connected", features=FEATURES, version=__version__)
        await self._ask_for_metadata()
        if has_work:
            await self._say("work_request_available")

    @override
    async def received_text(self, text: str) -> None:
        try:
            content = json.loads(text)
            kind = content.get("type") if isinstance(content, dict) else None
            await self._take(kind, content)
        except (ValueError, RecursionError) as error:
            log.warning("frame-not-understood", worker=self._worker_id, problem=str(error))

    async def _take(self, kind: str | None, content: dict[str, Any]) -> None:
        match kind:
            case "hello":
                await self._greet(Hello.model_validate(content))
            case "heartbeat":
                running = Heartbeat.model_validate(content).running
                await self._abort(
                    await in_thread(renew_lease, self._actor, running=running, now=_clock.now())
                )
            case "log_data":
                request_id = await self._logs.append_text(LogData.model_validate(content))
                await self._tell_readers(request_id)
            case "log_data_end":
                request_id = await self._logs.end(LogDataEnd.model_validate(content))
                await self._tell_readers(request_id)
            case "holds":
                await self._note_holds(Holds.model_validate(content))
            case "terminal":
                answer = await self._terminals.take(content)
                if answer is not None:
                    await self._say("terminal", frame=answer.model_dump(mode="json"))
            case _:
                log.info("frame-ignored", worker=self._worker_id, type=kind)

    @override
    async def received_bytes(self, data: bytes) -> None:
        try:
            header, piece = unpack_log_frame(data)
        except (ValueError, RecursionError) as error:
            log.warning("frame-not-understood", worker=self._worker_id, problem=str(error))
            return
        size = await self._logs.append(header, piece)
        if size is None:
            # it runs something that is not its own any more; let it go on to the abort
            size = header.offset + len(piece)
        else:
            await self._tell_readers(header.work_request_id)
        await self._say("log_ack", work_request_id=header.work_request_id, offset=size)

    @override
    async def hinted(self, message: dict[str, Any]) -> None:
        match message["type"]:
            case "work.available":
                await self._say("work_request_available")
            case "work.aborted":
                await self._abort([message["work_request_id"]])
            case "worker.changed":
                await self._follow_orders()
            case "terminal.frame":
                await self._say("terminal", frame=message["frame"])
            case "hold.changed":
                await self._say_holds()
            case "hold.released":
                await self._say("release", work_request_id=message["work_request_id"])
            case _:
                log.warning("hint-ignored", type=message["type"])

    @override
    async def ticked(self) -> None:
        # in case the hint got lost
        await self._follow_orders()
        await self._say_holds()
        await in_thread(_keep_alive, self._actor, now=_clock.now())
        if time.monotonic() >= self._metadata_due:
            await self._ask_for_metadata()

    @override
    async def closed(self) -> None:
        if self._worker_id is not None:
            await in_thread(_disconnect, self._worker_id, since=self._connected_at)

    async def _greet(self, hello: Hello) -> None:
        trouble = await in_thread(note_version, self._actor, version=hello.version)
        if trouble is not None:
            raise RejectedError(trouble, VERSION_MISMATCH)
        foreign = await in_thread(
            greet_worker,
            self._actor,
            features=hello.features,
            running=hello.running,
            offer=Offer(
                slots=hello.slots,
                memory_mib=hello.memory_mib,
                disk_mib=hello.disk_mib,
                cpu_count=hello.cpu_count,
            ),
            now=_clock.now(),
        )
        if hello.slots > max(1, len(hello.running)):
            # what it was told before, when it had one slot for all we knew
            await self._say("work_request_available")
        await self._follow_orders()
        for request_id in sorted(set(hello.running) - foreign):
            size = await self._logs.size(request_id)
            if size is not None:
                await self._say("log_ack", work_request_id=request_id, offset=size)
        await self._abort(foreign)

    async def _follow_orders(self) -> None:
        """
        Pass on what administrators want of the worker; 0.16 knows only of disabled tokens.

        :raises Finished: if it is disabled, and was told so
        """
        orders = await in_thread(read_orders, self._actor)
        if not orders.is_enabled:
            await self.send(
                {
                    "type": "connection_closed",
                    "reason": "the token was disabled",
                    "reason_code": TOKEN_DISABLED,
                }
            )
            raise Finished
        if FEATURE_DRAIN not in self._actor.require_worker().features:
            return
        if orders.drain_reason != self._drain_reason:
            self._drain_reason = orders.drain_reason
            if orders.drain_reason is None:
                await self._say("enable")
            else:
                await self._say("drain", reason=orders.drain_reason)

    async def _note_holds(self, report: Holds) -> None:
        """Take what it says it keeps; what it should not keep it is told to end."""
        for request_id in await in_thread(note_holds, self._actor, report=report, now=_clock.now()):
            await self._say("release", work_request_id=request_id)

    async def _say_holds(self) -> None:
        """Tell a worker that keeps environments which; no query for others."""
        worker = self._actor.require_worker()
        for hold in await in_thread(open_holds_of, worker) if can_keep(worker) else ():
            if hold.release_requested_at is not None:
                await self._say("release", work_request_id=hold.work_request_id)
            else:
                await self._say("hold", work_request_id=hold.work_request_id, hold=wish_of(hold))

    async def _abort(self, request_ids: Iterable[int]) -> None:
        """Tell the agent to stop; 0.16 ignores the frame."""
        for request_id in sorted(request_ids):
            await self._say("abort", work_request_id=request_id)

    async def _ask_for_metadata(self) -> None:
        self._metadata_due = time.monotonic() + METADATA_EVERY_S
        await self._say("request_dynamic_metadata")

    async def _tell_readers(self, request_id: int | None) -> None:
        if request_id is not None:
            await self.tell(wake.log_group(request_id), {"type": "log.data"})

    async def _say(self, text: str, **fields: Any) -> None:
        await self.send(Message(type="websocket.send", text=text, **fields))


def _connect(actor: Actor, *, now: datetime) -> bool:
    """
    Note that a worker is there.

    :returns: whether there is something for it to ask for
    """
    worker = actor.require_worker()
    # an agent that understands more says so after this
    worker.features = []
    worker.version = ""
    worker.concurrency = ONE_SLOT.slots
    worker.memory_mib = worker.disk_mib = worker.cpu_count = None
    worker.connected_at = now
    worker.save(update_fields=["features", "version", "connected_at", *OFFER_FIELDS])
    if actor.token is not None:
        Token.objects.filter(pk=actor.token.pk).update(last_seen_at=now)
    if Attempt.objects.filter(worker=worker, ended_at=None).exists():
        renew_lease(actor, running=None, now=now)
        return True
    return scheduler.head_of_queue(capability(worker)) is not None


def _keep_alive(actor: Actor, *, now: datetime) -> None:
    """Renew the leases of a worker that sends no heartbeat; its socket is its sign of life."""
    if FEATURE_HEARTBEAT not in actor.require_worker().features:
        renew_lease(actor, running=None, now=now)


def _disconnect(worker_id: int, *, since: datetime) -> None:
    """Note that a worker has left, unless it is back already."""
    Worker.objects.filter(pk=worker_id, connected_at=since).update(
        connected_at=None, disconnected_at=_clock.now()
    )
