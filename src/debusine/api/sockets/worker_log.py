# SPDX-License-Identifier: GPL-3.0-or-later
"""Logs that come over the socket of a worker."""

from __future__ import annotations

import asyncio
import time

from debusine.server.attempt_log import AttemptLog
from debusine.server.threads import in_thread
from debusine.server.views.attempt import latest_attempt_on, open_log
from debusine.wire.worker import LogData, LogDataEnd, LogFrameHeader

# 0.16 does not say when a log begins anew
_TRUST_S = 2.0


class WorkerLogs:
    """
    The logs of what one worker runs.

    A worker may add to the log of its latest attempt of a request, also when that has
    ended: bytes and result travel on different ways.
    """

    def __init__(self, worker_id: int) -> None:
        self._worker_id = worker_id
        self._known: dict[int, tuple[AttemptLog, float]] = {}

    async def append(self, header: LogFrameHeader, data: bytes) -> int | None:
        """
        Add bytes at an offset.

        :returns: size of the log afterwards; None if the worker has no such attempt
        """
        log = await self._find(header.work_request_id, anew=header.offset == 0)
        if log is None:
            return None
        return await asyncio.to_thread(
            log.append,
            data,
            offset=header.offset,
            stream=header.stream,
            timestamp=header.timestamp,
        )

    async def append_text(self, frame: LogData) -> int | None:
        """
        Add what 0.16 sends, at the end.

        :returns: the work request; None if there is nothing to add to
        """
        request_id = frame.work_request_id
        log = None if request_id is None else await self._find(request_id)
        if log is None or not frame.data:
            return None
        await asyncio.to_thread(
            log.append,
            frame.data.encode("utf-8", "replace"),
            offset=None,
            stream=frame.stream,
            timestamp=frame.timestamp,
        )
        return request_id

    async def end(self, frame: LogDataEnd) -> int | None:
        """
        Note the end of a command.

        :returns: the work request; None if there is no log to note it in
        """
        request_id = frame.work_request_id
        log = None if request_id is None else await self._find(request_id)
        if log is None:
            return None
        await asyncio.to_thread(log.end, frame.exit_code, timestamp=frame.timestamp)
        return request_id

    async def size(self, work_request_id: int) -> int | None:
        """Bytes that a log has; None if the worker has no such attempt."""
        log = await self._find(work_request_id, anew=True)
        return None if log is None else await asyncio.to_thread(log.size)

    async def _find(self, work_request_id: int, *, anew: bool = False) -> AttemptLog | None:
        """The log of the latest attempt, which is looked up from time to time."""
        known = self._known.get(work_request_id)
        if known is not None and not anew and time.monotonic() - known[1] < _TRUST_S:
            return known[0]
        attempt = await in_thread(latest_attempt_on, self._worker_id, work_request_id)
        if attempt is None:
            return None
        log = open_log(attempt)
        self._known = {work_request_id: (log, time.monotonic())}
        return log
