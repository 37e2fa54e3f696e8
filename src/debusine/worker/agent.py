# SPDX-License-Identifier: GPL-3.0-or-later
"""The agent: connects to the server, takes work requests while it has slots, reports."""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
from collections.abc import Coroutine
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import structlog

from debusine.domain.hold import HoldLimits
from debusine.domain.resources import ONE_SLOT, Offer
from debusine.errors import DebusineError, UpstreamError
from debusine.util.control_group import Limiter, NoLimits
from debusine.util.retry import Backoff
from debusine.wire.base import WireModel
from debusine.wire.work_request import AssignedWorkRequest, WorkRequestCompleted
from debusine.worker.announce import announce
from debusine.worker.config import WorkerConfig
from debusine.worker.connection import Connection, Handlers
from debusine.worker.execution import Execution, error_report
from debusine.worker.gate import Gate
from debusine.worker.holds import HoldKeeper
from debusine.worker.hooks import HOOKS, run_hooks
from debusine.worker.log_stream import LogLimits, LogStreamer
from debusine.worker.nursery_client import NurseryClient
from debusine.worker.postman import Postman
from debusine.worker.report import ReportBox
from debusine.worker.server_api import LockedError, ServerApi
from debusine.worker.user import Account
from debusine.worker.workshop import Workshop

EXIT_CLEAN = 0
EXIT_NOT_REPORTED = 2
EXIT_SIGNAL = 128

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Tuning:
    """How patient the agent is; tests are not."""

    reconnect_min_s: float = 1.0
    reconnect_max_s: float = 6.0
    locked_s: float = 1.0
    get_next: Backoff = field(default=Backoff(first_s=5, max_s=300))
    deliver: Backoff = field(default=Backoff(first_s=0.5, max_s=30))
    metadata: Backoff = field(default=Backoff(first_s=2, max_s=300))
    log_wait_s: float = 30.0
    heartbeat_s: float = 15.0
    answer_s: float = 3.0
    stop_s: float = 6.0
    logs: LogLimits = field(default=LogLimits())
    hooks: Path = HOOKS


@dataclass(kw_only=True)
class Agent:
    """
    One agent; it runs as many tasks at once as it has slots.

    :param key: of this worker
    :param account: who runs the tasks
    :param working: where the directories of tasks are made
    :param nursery: was started before the event loop
    :param once: end after the first task, and run no other beside it
    :param offer: what this machine has for tasks
    :param limiter: keeps tasks to what is reserved for them
    """

    config: WorkerConfig
    key: str
    account: Account
    working: Path
    nursery: NurseryClient
    once: bool = False
    tuning: Tuning = field(default=Tuning())
    offer: Offer = ONE_SLOT
    limiter: Limiter = field(default_factory=NoLimits)

    @property
    def _may_hold(self) -> bool:
        """Whether environments are kept after their tasks; not by one that ends with its task."""
        return self.config.holds.count > 0 and not self.once

    def __post_init__(self) -> None:
        self._running: dict[int, Execution] = {}
        self._free_slots = asyncio.Semaphore(1 if self.once else self.offer.slots)
        self._workshop = Workshop(
            config=self.config,
            account=self.account,
            working=self.working,
            nursery=self.nursery,
            offer=self.offer,
            limiter=self.limiter,
            logs=self.tuning.logs,
            may_hold=self._may_hold,
        )
        self._gate = Gate(left=partial(self._stop, EXIT_CLEAN))
        self._idle = asyncio.Event()
        self._idle.set()
        self._work_available = asyncio.Event()
        self._stopping: asyncio.Future[int] | None = None
        self._background: set[asyncio.Task[None]] = set()
        self._metadata: asyncio.Task[None] | None = None

    async def run(self) -> int:
        """
        Serve until told to stop.

        :returns: exit status
        """
        loop = asyncio.get_running_loop()
        self._stopping = loop.create_future()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop, EXIT_SIGNAL + number)
        loop.add_signal_handler(signal.SIGUSR1, self._leave)
        connect, read = self.config.http_timeout
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=connect, sock_read=read)
        async with aiohttp.ClientSession(timeout=timeout, trust_env=True) as session:
            self._api = ServerApi(session, self.config.api_url)
            self._postman = Postman(
                self._api,
                ReportBox(self.working / "reports"),
                backoff=self.tuning.deliver,
                is_unwanted=self._is_aborted,
            )
            self._holds = HoldKeeper(
                self.config.holds if self._may_hold else HoldLimits(), say=self._say
            )
            self._connection = self._make_connection(session)
            main = asyncio.create_task(self._serve())
            main.add_done_callback(partial(_pass_on_error, self._stopping))
            status = await self._stopping
            await self._shut_down(main)
        return status

    def _stop(self, status: int) -> None:
        if self._stopping is not None and not self._stopping.done():
            log.info("stopping", status=status)
            self._stopping.set_result(status)

    def _say(self, frame: WireModel) -> None:
        self._connection.say(frame)

    async def _shut_down(self, main: asyncio.Task[None]) -> None:
        """End the running tasks and leave nothing of them behind."""
        self._gate.close()
        for execution in self._running.values():
            execution.abort()
        await self._holds.end_all("the worker was stopped")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.tuning.stop_s):
                await self._idle.wait()
                await self._connection.flush()
        for task in (main, *self._background):
            task.cancel()
        await asyncio.gather(main, *self._background, return_exceptions=True)

    def _make_connection(self, session: aiohttp.ClientSession) -> Connection:
        base = self.config.api_url.removeprefix("http")
        return Connection(
            session=session,
            url=f"ws{base}/ws/1.0/worker/connect/",
            key=self.key,
            handlers=Handlers(
                work_available=self._work_available.set,
                metadata_wanted=self._send_metadata_soon,
                abort=self._abort,
                drain=self._drain,
                enable=self._enable,
                holds=self._holds if self._may_hold else None,
            ),
            heartbeat_s=self.tuning.heartbeat_s,
            answer_s=self.tuning.answer_s,
            offer=self.offer,
        )

    async def _serve(self) -> None:
        # before the server hears that we run nothing, and gives the work to others
        await self._postman.deliver_kept(self.config.api_url)
        async with asyncio.TaskGroup() as group:
            group.create_task(_stay_connected(self._connection, self.tuning))
            group.create_task(self._work())

    def _send_metadata_soon(self) -> None:
        if self._metadata is not None:
            self._metadata.cancel()
        self._metadata = self._in_background(
            announce(
                self._api,
                self.key,
                nursery=self.nursery,
                account=self.account,
                backoff=self.tuning.metadata,
            )
        )

    def _abort(self, work_request_id: int) -> None:
        execution = self._running.get(work_request_id)
        if execution is not None:
            log.info("task-aborted", work_request=work_request_id)
            execution.abort()

    def _drain(self, reason: str) -> None:
        self._gate.drain(reason)
        self._in_background(self._holds.end_all("the worker was drained"))

    def _leave(self) -> None:
        self._gate.leave()
        self._in_background(self._holds.end_all("the worker is about to stop"))

    def _enable(self) -> None:
        self._gate.enable()
        if self._gate.is_open:
            self._holds.refusal = None
        self._work_available.set()

    async def _work(self) -> None:
        """Ask for work while a slot is free; requests run beside each other."""
        async with asyncio.TaskGroup() as group:
            while True:
                await self._free_slots.acquire()
                await self._work_available.wait()
                self._work_available.clear()
                await self._gate.enter()
                request = await self._get_next()
                self._gate.answered(None if request is None else request.id)
                if request is None:
                    self._free_slots.release()
                    continue
                # there may be more
                self._work_available.set()
                group.create_task(self._occupy_slot(request))

    async def _occupy_slot(self, request: AssignedWorkRequest) -> None:
        delivered = await self._do(request)
        if self.once:
            self._stop(EXIT_CLEAN if delivered else EXIT_NOT_REPORTED)
            return
        self._work_available.set()
        self._free_slots.release()
        self._gate.ended(request.id)

    async def _get_next(self) -> AssignedWorkRequest | None:
        pauses = self.tuning.get_next.pauses()
        while True:
            try:
                return await self._api.get_next(self.key, self._gate.taken)
            except LockedError:
                await asyncio.sleep(self.tuning.locked_s)
            except UpstreamError as error:
                log.warning("no-answer-about-work", problem=error.explain())
                if not self._gate.is_open:
                    return None
                # who hears that there is work knows that the server is back
                self._work_available.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(next(pauses)):
                        await self._work_available.wait()

    async def _do(self, request: AssignedWorkRequest) -> bool:
        """Run a task and report; True if the server has the report or wants none."""
        log.info("task-starts", work_request=request.id, task=request.task_name)
        try:
            execution = self._workshop.prepare(request, log_grew=self._connection.wake)
        except (OSError, DebusineError) as error:
            log.exception("task-not-started", work_request=request.id)
            return await self._report(request, error_report(f"cannot start the task: {error}"))
        self._running[request.id] = execution
        self._holds.watch(execution, request.hold)
        self._idle.clear()
        self._connection.add(execution.streamer)
        try:
            report = await execution.run()
            if execution.aborted:
                log.info("task-stopped", work_request=request.id)
                if self._stopping is not None and self._stopping.done():
                    await self._postman.hand_back(request)
                return True
            await _finish_log(execution.streamer, self.tuning.log_wait_s)
            log.info("task-ended", work_request=request.id, result=report.result.value)
            return await self._report(request, report)
        finally:
            self._holds.forget(request.id)
            if not execution.is_held:
                await execution.release()
            self._connection.remove(request.id)
            del self._running[request.id]
            if not self._running:
                self._idle.set()
            await run_hooks(self.tuning.hooks)

    async def _report(self, request: AssignedWorkRequest, report: WorkRequestCompleted) -> bool:
        return await self._postman.report(
            self.config.api_url, request, self._connection.understood(report)
        )

    def _is_aborted(self, work_request_id: int) -> bool:
        execution = self._running.get(work_request_id)
        return execution is not None and execution.aborted

    def _in_background(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        return task


def _pass_on_error(stopping: asyncio.Future[int], task: asyncio.Task[None]) -> None:
    if not task.cancelled() and not stopping.done() and (error := task.exception()) is not None:
        stopping.set_exception(error)


async def _stay_connected(connection: Connection, tuning: Tuning) -> None:
    while True:
        try:
            accepted = await connection.run_once()
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            log.warning("not-connected", problem=f"{type(error).__name__}: {error}")
            accepted = False
        if accepted:
            # most likely the server was just started anew
            with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError):
                await connection.run_once()
        pause = random.uniform(  # noqa: S311  spreads load, guards nothing
            tuning.reconnect_min_s, tuning.reconnect_max_s
        )
        await asyncio.sleep(pause)


async def _finish_log(streamer: LogStreamer, patience_s: float) -> None:
    """Wait until the server has a log, but not for ever."""
    if not await streamer.wait_until_acknowledged(patience_s):
        log.warning(
            "log-incomplete",
            work_request=streamer.work_request_id,
            missing_bytes=streamer.size - streamer.acknowledged,
        )
