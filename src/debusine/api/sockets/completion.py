# SPDX-License-Identifier: GPL-3.0-or-later
"""
What has finished.

A message only makes the socket look: what is sent comes from rows, and a look every few
seconds finds what no message told. Only what the listener may see is shown.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q, QuerySet
from typing_extensions import override

from debusine.api.sockets.base import RejectedError, Socket
from debusine.api.sockets.identity import actor_of
from debusine.db.models import WorkRequest, Workspace
from debusine.domain.result import WorkRequestResults
from debusine.domain.work_request import UNSUCCESSFUL, WorkRequestStatus
from debusine.errors import PermissionDeniedError
from debusine.server import wake
from debusine.server.access import visible_workspaces
from debusine.server.actor import Actor
from debusine.server.threads import in_thread
from debusine.util.clock import SystemClock
from debusine.wire.base import to_wire_time

PATTERN = re.compile("work-request/on-completed/")
# a transaction is committed at the latest so long after the time that it writes
_OVERLAP = timedelta(seconds=60)
_SHOWN = [WorkRequestResults.SUCCESS.value, *(result.value for result in UNSUCCESSFUL)]
_Row = tuple[int, datetime, str]


class Consumer(Socket):
    """One listener."""

    tick_s = 5.0

    def __init__(self) -> None:
        super().__init__()
        self._workspaces: list[int] = []
        self._seen: dict[int, datetime] = {}
        self._from: datetime

    @override
    async def opened(self) -> None:
        try:
            actor = await actor_of(self)
            actor.require_user()
        except PermissionDeniedError as error:
            raise RejectedError(error.brief) from error
        since = _parse_time(self.query().get("completed_at_since"))
        names = [name for name in self.query().get("workspaces", "").split(",") if name]
        await self.join(wake.COMPLETIONS)
        self._workspaces = await in_thread(_find_workspaces, actor, names)
        self._from = SystemClock().now()
        await self.send({"type": "websocket.send", "text": "connected"})
        if since is not None:
            for row in await in_thread(_completed_since, self._workspaces, since):
                await self._show(row)
        else:
            await self._pass_over()

    @override
    async def hinted(self, message: dict[str, Any]) -> None:
        if message.get("workspace_id") in self._workspaces:
            await self.ticked()

    @override
    async def ticked(self) -> None:
        start = self._from - _OVERLAP
        self._seen = {pk: at for pk, at in self._seen.items() if at >= start}
        now = SystemClock().now()
        for row in await in_thread(_read, self._workspaces, Q(completed_at__gte=start)):
            if row[0] not in self._seen:
                await self._show(row)
        self._from = now

    async def _pass_over(self) -> None:
        """What completed before the listener came is not for it."""
        start = self._from - _OVERLAP
        rows = await in_thread(_read, self._workspaces, Q(completed_at__gte=start))
        self._seen = {pk: at for pk, at, _ in rows}

    async def _show(self, row: _Row) -> None:
        pk, at, result = row
        self._seen[pk] = at
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


def _find_workspaces(actor: Actor, names: list[str]) -> list[int]:
    """
    Find workspaces by name, in any scope.

    :param names: empty for all that the actor may see
    :raises RejectedError: if one is not there
    """
    rows = Workspace.objects.filter(visible_workspaces(actor))
    if names:
        rows = rows.filter(name__in=names)
    found = list(rows.values_list("pk", "name"))
    for name in names:
        if name not in {known for _, known in found}:
            raise RejectedError(f"Workspace {name} not found")
    return [pk for pk, _ in found]


def _read(workspaces: list[int], condition: Q) -> list[_Row]:
    """Completed requests, by time."""
    rows: QuerySet[WorkRequest] = WorkRequest.objects.filter(
        condition,
        workspace__in=workspaces,
        status=WorkRequestStatus.COMPLETED.value,
        result__in=_SHOWN,
    )
    return [
        (pk, at, result)
        for pk, at, result in rows.order_by("completed_at", "pk").values_list(
            "pk", "completed_at", "result"
        )
        if at is not None
    ]


def _completed_since(workspaces: list[int], since: datetime) -> list[_Row]:
    """
    Read what a listener has missed.

    If several share the moment, the listener may know only some of them, and gets all.
    """
    rows = _read(workspaces, Q(completed_at__gte=since))
    at_that_moment = [row for row in rows if row[1] == since]
    return rows if len(at_that_moment) != 1 else [row for row in rows if row[1] > since]
