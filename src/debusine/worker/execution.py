# SPDX-License-Identifier: GPL-3.0-or-later
"""The agent's side of one running task."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
from typing import Any, Protocol

import structlog
from pydantic import ValidationError

from debusine.domain.result import Cause, WorkRequestResults
from debusine.domain.work_request import TaskTypes
from debusine.errors import DebusineError, UpstreamError
from debusine.tasks.logs import how_to_repeat
from debusine.util.control_group import TaskGroup
from debusine.util.file_lock import FileLock
from debusine.wire.base import JsonObject, WireModel
from debusine.wire.terminal import TerminalAck, TerminalData, TerminalExit, parse_agent_frame
from debusine.wire.work_request import OutputData, OutputError, WorkRequestCompleted
from debusine.worker.channel import (
    EXIT,
    HELD,
    LOG,
    MAX_FRAME_BYTES,
    MESSAGE,
    RESULT,
    FrameError,
    pack_message,
    read_frame,
    split_log,
)
from debusine.worker.job import Job
from debusine.worker.log_stream import LogStreamer
from debusine.worker.nursery_client import NurseryClient
from debusine.worker.nursery_protocol import ABORT, ENDED, OFFER, RELEASE, STOP

# supervisor and processes are gone long before, whatever happens
_RELEASE_S = 60
_SHOWN_OUTPUT_CHARS = 2000
_END_LOG_TRIES = 50
_END_LOG_PAUSE_S = 0.2

log = structlog.get_logger(__name__)


class HoldOffer(WireModel):
    """
    What is left of the sandbox of a task that has ended.

    :param reason: why nothing is, or that it has to go now; the rest means nothing then
    :param network: whether what runs in it reaches that of this machine
    """

    reason: str | None = None
    network: bool = False
    size_bytes: int = 0


class HoldHooks(Protocol):
    """Who decides what becomes of it."""

    def wants(self, result: WorkRequestResults) -> bool:
        """Whether what is left is of interest, after a result."""
        ...

    def offer(self, offer: HoldOffer) -> bool:
        """Take an offer; false if it is not kept."""
        ...

    def frame(self, frame: TerminalData | TerminalAck | TerminalExit) -> None:
        """Pass on what a terminal in it says."""
        ...

    def lost(self) -> None:
        """Take note that it has ended."""
        ...


class Execution:
    """
    A task from its start until nothing of it is left.

    :param lock: held on the job's directories
    :param streamer: takes the log
    :param group: limits the memory of the task
    """

    def __init__(
        self,
        job: Job,
        lock: FileLock,
        nursery: NurseryClient,
        streamer: LogStreamer,
        group: TaskGroup | None = None,
    ) -> None:
        self.job = job
        self.streamer = streamer
        self._group = group
        self.aborted = False
        self._lock = lock
        self._nursery = nursery
        self._control: asyncio.StreamWriter | None = None
        self._control_reader: asyncio.StreamReader | None = None
        self._result: WorkRequestCompleted | None = None
        self._exit_code = -1
        self._is_line_open = False
        self._problem: str | None = None
        self._channel_writer: asyncio.StreamWriter | None = None
        self._ended: dict[str, Any] | None = None
        self._held = asyncio.Event()
        self._following: tuple[asyncio.Task[None], ...] = ()
        self.hold_hooks: HoldHooks | None = None
        """What happens when its environment is offered; None: it is not kept."""

    @property
    def is_held(self) -> bool:
        """Whether the task has ended, and its environment is kept."""
        return self._held.is_set()

    @property
    def work_request_id(self) -> int:
        """Which work request this is."""
        return self.job.request.id

    async def run(self) -> WorkRequestCompleted:
        """
        Start the task and wait for its end; all its processes have gone then.

        Where its environment is kept, what keeps it stays until :meth:`end_hold`.

        :returns: its result, or an error in its place; of no use if ``aborted``
        """
        control, their_control = socket.socketpair()
        channel, their_channel = socket.socketpair()
        try:
            self._nursery.run(their_control, their_channel)
        except UpstreamError as error:
            control.close()
            channel.close()
            return error_report(error.explain())
        reader, self._control = await asyncio.open_connection(sock=control, limit=MAX_FRAME_BYTES)
        self._control_reader = reader
        self._control.write(
            pack_message({"directories": self.job.directories.to_json(), "shared": self.job.shared})
        )
        if self.aborted:
            self._control.write(pack_message({"order": ABORT}))
        reading = asyncio.create_task(self._read_channel(channel))
        ending = asyncio.create_task(self._read_control(reader))
        held = asyncio.create_task(self._held.wait())
        self._following = (ending, reading)
        try:
            await asyncio.wait({ending, held}, return_when=asyncio.FIRST_COMPLETED)
            held.cancel()
            if self.is_held and not self.aborted:
                return self._outcome()
            await ending
            if self.aborted:
                # it may wait for a server that takes nothing more of this log
                reading.cancel()
            await asyncio.gather(reading, return_exceptions=self.aborted)
        finally:
            held.cancel()
            if not self.is_held or self.aborted:
                ending.cancel()
                reading.cancel()
        if self._problem is not None and not self.aborted:
            await self._end_log(self._problem)
        return self._outcome()

    def abort(self) -> None:
        """Stop the task; :meth:`run` returns within two seconds."""
        self.aborted = True
        if self._control is not None:
            self._control.write(pack_message({"order": ABORT}))

    def tell(self, message: JsonObject) -> None:
        """Say something to who keeps the environment."""
        if self._channel_writer is not None:
            self._channel_writer.write(pack_message(message))

    async def end_hold(self) -> None:
        """End the environment that is kept; all its processes have gone then."""
        self.tell({"order": STOP})
        self._control_abort()
        await asyncio.gather(*self._following, return_exceptions=True)

    async def release(self) -> None:
        """Have the directories removed; returns when they are."""
        self.streamer.close()
        if self._group is not None:
            self._group.remove()
        if self._control is not None and self._control_reader is not None:
            with contextlib.suppress(ConnectionError, TimeoutError):
                self._control.write(pack_message({"order": RELEASE}))
                async with asyncio.timeout(_RELEASE_S):
                    await self._control_reader.read()
            self._control.close()
        elif self.job.directories.root.exists():
            with contextlib.suppress(DebusineError):
                await asyncio.to_thread(self.job.directories.remove)
        self._lock.release()

    async def _read_control(self, reader: asyncio.StreamReader) -> None:
        """Wait for the end of all processes."""
        frame = await read_frame(reader)
        if frame is None:
            self._problem = "the process that looks after the task died"
            self._nursery.clean(self.job.directories)
            return
        message = json.loads(frame[1])
        assert message["event"] == ENDED, message
        self._ended = message

    async def _read_channel(self, channel: socket.socket) -> None:
        """Give the job, take log and result, only as fast as the log can be put away."""
        reader, writer = await asyncio.open_connection(sock=channel, limit=256 * 1024)
        self._channel_writer = writer
        try:
            writer.write(pack_message({"job": self.job.to_json()}))
            while (frame := await read_frame(reader)) is not None:
                self._take_frame(*frame)
                if not self.is_held:
                    await self.streamer.wait_for_room()
            if self.is_held:
                return
            self._say_how_to_repeat()
            self.streamer.end(self._exit_code)
        except (FrameError, ValidationError, ValueError, OSError) as error:
            self._problem = f"the log or result of the task cannot be taken: {error}"
            log.exception("task-channel-failed", work_request=self.work_request_id)
            self._control_abort()
        finally:
            self._channel_writer = None
            writer.close()
            if self.is_held and self.hold_hooks is not None:
                self.hold_hooks.lost()

    async def _end_log(self, problem: str) -> None:
        """Say in the log why it ends here; a full disk has room again once the task's files go."""
        for _ in range(_END_LOG_TRIES):
            try:
                self.streamer.flush()
                self.streamer.write(f"\n{problem}\n".encode(errors="replace"), "internal")
                self._is_line_open = False
                self._say_how_to_repeat()
                self.streamer.end(self._exit_code)
            except OSError:
                await asyncio.sleep(_END_LOG_PAUSE_S)
            else:
                return

    def _say_how_to_repeat(self) -> None:
        """End the log with what to call, if anybody can run the task again."""
        if self.job.request.task_type is TaskTypes.WORKER:
            start = "\n" if self._is_line_open else ""
            self.streamer.write(
                f"{start}{how_to_repeat(self.work_request_id)}\n".encode(), "internal"
            )

    def _control_abort(self) -> None:
        if self._control is not None:
            self._control.write(pack_message({"order": ABORT}))

    def _take_frame(self, kind: bytes, payload: bytes) -> None:
        if kind == LOG:
            stream, data = split_log(payload)
            self.streamer.write(data, stream)
            self._is_line_open = not data.endswith(b"\n")
        elif kind == EXIT:
            self._exit_code = int(json.loads(payload))
        elif kind == RESULT:
            self._result = WorkRequestCompleted.model_validate_json(payload)
            if self.job.may_hold:
                self.tell({"order": OFFER if self._wants_offer(self._result) else STOP})
        elif kind == HELD:
            self._take_offer(HoldOffer.model_validate_json(payload))
        elif kind == MESSAGE and self.is_held and self.hold_hooks is not None:
            self.hold_hooks.frame(parse_agent_frame(json.loads(payload)))
        else:
            message = f"unknown frame {kind!r}"
            raise FrameError(message)

    def _wants_offer(self, report: WorkRequestCompleted) -> bool:
        hooks = self.hold_hooks
        return hooks is not None and not self.aborted and hooks.wants(report.result)

    def _take_offer(self, offer: HoldOffer) -> None:
        """Keep what is left of the sandbox, or have it ended."""
        if self.hold_hooks is None or self._result is None or self.aborted:
            self.tell({"order": STOP})
        elif self.is_held:
            self.hold_hooks.offer(offer)
        elif self.hold_hooks.offer(offer):
            self._say_how_to_repeat()
            self.streamer.end(self._exit_code)
            self._held.set()
        else:
            self.tell({"order": STOP})

    def _outcome(self) -> WorkRequestCompleted:
        report = self._plain_outcome()
        if self._group is None or report.result is WorkRequestResults.SUCCESS:
            return report
        return blame_memory(report, self._group) if self._group.ran_out() else report

    def _plain_outcome(self) -> WorkRequestCompleted:
        ended = self._ended or {}
        problem = self._problem or ended.get("problem")
        if problem is not None:
            return error_report(problem)
        if self._result is None:
            return error_report(_describe_end(ended.get("status"), str(ended.get("output", ""))))
        return _with_samples(self._result, ended)


def error_report(message: str) -> WorkRequestCompleted:
    """What is reported when a task could not be run, or ended without a result."""
    return WorkRequestCompleted(
        result=WorkRequestResults.ERROR,
        output_data=OutputData(errors=[OutputError(message=message, code="execute-failed")]),
    )


def blame_memory(report: WorkRequestCompleted, group: TaskGroup) -> WorkRequestCompleted:
    """
    Say first that a task was not successful because its memory was used up.

    :param report: without that; how it ended otherwise follows from it
    """
    size = f"{group.memory_bytes / 1024**3:.1f} GiB"
    message = (
        f"The task needed more than the {size} of memory that were reserved for it on this"
        " worker, so that the kernel ended some of its processes. Retry it: the server"
        " reserves twice as much for the next attempt. If that is more than the worker has,"
        " give the worker more memory or fewer slots."
    )
    output = report.output_data or OutputData()
    error = OutputError(message=message, code=Cause.OUT_OF_MEMORY)
    errors = [error, *(output.errors or ())]
    return report.model_copy(update={"output_data": output.model_copy(update={"errors": errors})})


def _describe_end(status: int | None, output: str) -> str:
    if status is None:
        text = "the task's process is lost"
    elif os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        text = f"the task's process was ended by signal {number} ({signal.strsignal(number)})"
    else:
        text = f"the task's process ended without a result, exit status {status >> 8}"
    shown = output.strip()[-_SHOWN_OUTPUT_CHARS:]
    return f"{text}\n{shown}" if shown else text


def _with_samples(report: WorkRequestCompleted, ended: dict[str, Any]) -> WorkRequestCompleted:
    output = report.output_data
    if output is None or output.runtime_statistics is None:
        return report
    # the executor's own figures are better where there are any
    samples = {
        name: ended[name]
        for name in ("memory", "disk_space")
        if ended.get(name) and getattr(output.runtime_statistics, name) is None
    }
    statistics = output.runtime_statistics.model_copy(update=samples)
    return report.model_copy(
        update={"output_data": output.model_copy(update={"runtime_statistics": statistics})}
    )
