# SPDX-License-Identifier: GPL-3.0-or-later
"""The agent's side of one running task."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
from typing import Any

import structlog
from pydantic import ValidationError

from debusine.domain.result import Cause, WorkRequestResults
from debusine.domain.work_request import TaskTypes
from debusine.errors import DebusineError, UpstreamError
from debusine.tasks.logs import how_to_repeat
from debusine.util.control_group import TaskGroup
from debusine.util.file_lock import FileLock
from debusine.wire.work_request import OutputData, OutputError, WorkRequestCompleted
from debusine.worker.channel import (
    EXIT,
    LOG,
    MAX_FRAME_BYTES,
    RESULT,
    FrameError,
    pack_message,
    read_frame,
    split_log,
)
from debusine.worker.job import Job
from debusine.worker.log_stream import LogStreamer
from debusine.worker.nursery_client import NurseryClient
from debusine.worker.nursery_protocol import ABORT, ENDED, RELEASE

# supervisor and processes are gone long before, whatever happens
_RELEASE_S = 60
_SHOWN_OUTPUT_CHARS = 2000
_END_LOG_TRIES = 50
_END_LOG_PAUSE_S = 0.2

log = structlog.get_logger(__name__)


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
        self._ended: dict[str, Any] | None = None

    @property
    def work_request_id(self) -> int:
        """Which work request this is."""
        return self.job.request.id

    async def run(self) -> WorkRequestCompleted:
        """
        Start the task and wait for its end; all its processes have gone then.

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
        try:
            await self._read_control(reader)
            if self.aborted:
                # it may wait for a server that takes nothing more of this log
                reading.cancel()
            await asyncio.gather(reading, return_exceptions=self.aborted)
        finally:
            reading.cancel()
        if self._problem is not None and not self.aborted:
            await self._end_log(self._problem)
        return self._outcome()

    def abort(self) -> None:
        """Stop the task; :meth:`run` returns within two seconds."""
        self.aborted = True
        if self._control is not None:
            self._control.write(pack_message({"order": ABORT}))

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
        try:
            writer.write(pack_message({"job": self.job.to_json()}))
            while (frame := await read_frame(reader)) is not None:
                self._take_frame(*frame)
                await self.streamer.wait_for_room()
            self._say_how_to_repeat()
            self.streamer.end(self._exit_code)
        except (FrameError, ValidationError, ValueError, OSError) as error:
            self._problem = f"the log or result of the task cannot be taken: {error}"
            log.exception("task-channel-failed", work_request=self.work_request_id)
            self._control_abort()
        finally:
            writer.close()

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
        else:
            message = f"unknown frame {kind!r}"
            raise FrameError(message)

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
