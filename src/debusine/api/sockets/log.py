# SPDX-License-Identifier: GPL-3.0-or-later
"""
A log as it is written.

Beyond 0.16: a token opens it, too; with ``?offset=N`` it starts there, waits for
requests that do not run yet and shows those that have ended. ``&attempt=K`` says of
which attempt that offset is; the log of any other is sent from its beginning.
"""

from __future__ import annotations

import asyncio
import codecs
import re
from dataclasses import dataclass
from typing import Any

from typing_extensions import override

from debusine.api.sockets.base import Finished, RejectedError, Socket
from debusine.api.sockets.identity import actor_of
from debusine.db.models import WorkRequest
from debusine.domain.permission import MAX_ID
from debusine.domain.work_request import WorkRequestStatus
from debusine.errors import NotFoundError, PermissionDeniedError
from debusine.server import wake
from debusine.server.attempt_log import Piece, Reader
from debusine.server.threads import in_thread
from debusine.server.views.attempt import find_attempt, open_log
from debusine.server.views.work_request import find_work_request
from debusine.util.clock import SystemClock
from debusine.wire.base import to_wire_time

PATTERN = re.compile("work-request/(?P<work_request_id>[0-9]{1,18})/logs/")
NO_EXIT_CODE = -1
_NUMBER = re.compile("[0-9]{1,19}")


@dataclass(frozen=True, kw_only=True, slots=True)
class _State:
    """Where a request stands, and which attempt is the latest."""

    status: WorkRequestStatus
    number: int | None
    reader: Reader | None


class Consumer(Socket):
    """One reader of one log."""

    tick_s = 2.0

    def __init__(self, work_request_id: str) -> None:
        super().__init__()
        self._id = int(work_request_id)
        self._offset = 0
        self._offset_is_of: int | None = None
        self._number: int | None = None
        self._reader: Reader | None = None
        self._carry: Piece | None = None

    @override
    async def opened(self) -> None:
        offset = self._number_in_query("offset")
        self._offset = offset or 0
        self._offset_is_of = self._number_in_query("attempt")
        await self.join(wake.log_group(self._id))
        try:
            actor = await actor_of(self)
            request = await in_thread(find_work_request, actor, self._id)
        except (NotFoundError, PermissionDeniedError) as error:
            raise RejectedError("Work request not found", "not_found") from error
        if offset is None and request.status != WorkRequestStatus.RUNNING:
            raise RejectedError("Work request is not running", "not_running")
        await self.send({"type": "connected"})
        await self._follow()

    def _number_in_query(self, name: str) -> int | None:
        """
        Read a number of the query.

        :raises RejectedError: if it is something else
        """
        text = self.query().get(name)
        if text is None:
            return None
        if not _NUMBER.fullmatch(text) or int(text) > MAX_ID:
            raise RejectedError(f"{name} is not a number", f"bad_{name}")
        return int(text)

    @override
    async def hinted(self, message: dict[str, Any]) -> None:
        if message["type"] == "log.data" and self._reader is not None:
            await self._send_new()
        else:
            await self._follow()

    @override
    async def ticked(self) -> None:
        await self._follow()

    async def _follow(self) -> None:
        """
        Send what there is, of the latest attempt; stop after the end.

        :raises Finished: if the request is final and everything was sent
        """
        state = await in_thread(self._state)
        # an attempt that was given up still has an end, which is shown before the next begins
        await self._send_new()
        if state.reader is not None:
            self._reader, self._number, self._offset = state.reader, state.number, 0
            await self._send_new()
        if state.status.is_final:
            await self._send_carry()
            code = None if self._reader is None else self._reader.exit_code
            await self.send(
                {
                    "type": "log_data_end",
                    "exit_code": NO_EXIT_CODE if code is None else code,
                    "timestamp": to_wire_time(SystemClock().now()),
                }
            )
            raise Finished

    def _state(self) -> _State:
        """Look where things stand; with a reader if there is another attempt than before."""
        status = WorkRequest.objects.values_list("status", flat=True).get(pk=self._id)
        attempt = find_attempt(self._id)
        number = None if attempt is None else attempt.number
        reader = None
        if attempt is not None and number != self._number:
            is_meant = self._offset_is_of in (None, number)
            reader = open_log(attempt).reader(self._offset if is_meant else 0)
        return _State(status=WorkRequestStatus(status), number=number, reader=reader)

    async def _send_new(self) -> None:
        """Send what was written since the last time."""
        if self._reader is None:
            return
        while pieces := await asyncio.to_thread(self._reader.read):
            for piece in pieces:
                await self._send_piece(piece)

    async def _send_piece(self, piece: Piece) -> None:
        """Send a piece, together with the start of a character that the last one ended with."""
        carry = self._carry
        self._carry = None
        if carry is not None:
            if carry.end == piece.offset and carry.stream == piece.stream:
                piece = Piece(
                    offset=carry.offset,
                    stream=piece.stream,
                    timestamp=piece.timestamp,
                    data=carry.data + piece.data,
                )
            else:
                await self._send_text(carry, carry.data.decode("utf-8", "replace"), carry.end)
        text, consumed = codecs.utf_8_decode(piece.data, "replace", False)  # noqa: FBT003
        if consumed < len(piece.data):
            self._carry = Piece(
                offset=piece.offset + consumed,
                stream=piece.stream,
                timestamp=piece.timestamp,
                data=piece.data[consumed:],
            )
        if consumed:
            await self._send_text(piece, text, piece.offset + consumed)

    async def _send_carry(self) -> None:
        """Send what will never become a character."""
        if self._carry is not None:
            await self._send_text(
                self._carry, self._carry.data.decode("utf-8", "replace"), self._carry.end
            )
            self._carry = None

    async def _send_text(self, piece: Piece, text: str, end: int) -> None:
        await self.send(
            {
                "type": "log_data",
                "data": text,
                "stream": piece.stream,
                "timestamp": piece.timestamp,
                "offset": piece.offset,
                "length": end - piece.offset,
                "attempt": self._number,
            }
        )
