# SPDX-License-Identifier: GPL-3.0-or-later
"""
What has completed, as clients of 0.16 know it.

What ended before the listener came is read from the requests themselves, by time; all that
ends later are events.
"""

from __future__ import annotations

import re
from datetime import datetime

from django.db.models import Q
from typing_extensions import override

from debusine.api.sockets.base import RejectedError
from debusine.api.sockets.listening import ListeningSocket
from debusine.db.models import Event, WorkRequest, Workspace
from debusine.domain.event import TOLD_TO_ON_COMPLETED, EventKind, is_told_to_on_completed
from debusine.domain.work_request import WorkRequestStatus
from debusine.server.access import visible_workspaces
from debusine.server.threads import in_thread
from debusine.server.views.event import Listener
from debusine.wire.base import to_wire_time

PATTERN = re.compile("work-request/on-completed/")
_Row = tuple[int, datetime, str]


class Consumer(ListeningSocket):
    """One listener."""

    def __init__(self) -> None:
        super().__init__()
        # shown, and still to come as events
        self._shown: set[int] = set()

    @override
    async def opened(self) -> None:
        since = _parse_time(self.query().get("completed_at_since"))
        await self.listen(kinds=EventKind.COMPLETED.value)
        await self.send({"type": "websocket.send", "text": "connected"})
        if since is not None:
            rows = await in_thread(_completed_since, self.listener, since)
            for row in rows:
                await self._show(*row)
            shown = {pk for pk, _, _ in rows}
            self._shown = shown & await in_thread(_coming_after, self.listener, self.position)
        await self.catch_up()

    @override
    async def show(self, event: Event) -> None:
        pk, result = event.work_request_id, event.data.get("result", "")
        if pk is None or not is_told_to_on_completed(event.kind, result):
            return
        if pk in self._shown:
            self._shown.discard(pk)
            return
        await self._show(pk, event.created_at, result)

    async def _show(self, pk: int, at: datetime, result: str) -> None:
        await self.send(
            {
                "type": "websocket.send",
                "text": "work_request_completed",
                "work_request_id": pk,
                "completed_at": to_wire_time(at),
                "result": result,
            }
        )


def _parse_time(text: str | None) -> datetime | None:
    """
    Read an ISO time.

    :raises RejectedError: if it is none, or has no zone
    """
    if not text:
        return None
    try:
        # a plus sign that was not encoded arrives as a space
        moment = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError as error:
        raise RejectedError(f"completed_at_since is not a time: {text}") from error
    if moment.tzinfo is None:
        raise RejectedError("completed_at_since has no time zone")
    return moment


def _completed_since(listener: Listener, since: datetime) -> list[_Row]:
    """
    Read what a listener has missed, by time.

    If several share the moment, the listener may know only some of them, and gets all.
    """
    workspaces = Workspace.objects.filter(visible_workspaces(listener.actor.renewed()))
    if listener.workspaces is not None:
        workspaces = workspaces.filter(pk__in=listener.workspaces)
    found = WorkRequest.objects.filter(
        completed_at__gte=since,
        workspace__in=workspaces,
        status=WorkRequestStatus.COMPLETED.value,
        result__in=[result.value for result in TOLD_TO_ON_COMPLETED],
    )
    rows = [
        (pk, at, result)
        for pk, at, result in found.order_by("completed_at", "pk").values_list(
            "pk", "completed_at", "result"
        )
        if at is not None
    ]
    at_that_moment = [row for row in rows if row[1] == since]
    return rows if len(at_that_moment) != 1 else [row for row in rows if row[1] > since]


def _coming_after(listener: Listener, position: int) -> set[int]:
    """Requests whose events a listener has before it; some have no position yet."""
    coming = listener.rows().filter(Q(position=None) | Q(position__gt=position))
    return {pk for pk in coming.values_list("work_request_id", flat=True) if pk is not None}
