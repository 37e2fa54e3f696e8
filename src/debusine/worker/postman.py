# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings results to the server, however long that takes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from debusine.errors import UpstreamError
from debusine.util.retry import Backoff
from debusine.wire.work_request import AssignedWorkRequest, WorkRequestCompleted
from debusine.worker.report import PendingReport, ReportBox
from debusine.worker.server_api import Delivery, ServerApi

log = structlog.get_logger(__name__)


class Postman:
    """
    Delivers results until the server has them or says that it does not want them.

    :param box: where they are kept meanwhile, also while the agent is not running
    :param is_unwanted: whether the result of a work request is of no use any more
    """

    def __init__(
        self,
        api: ServerApi,
        box: ReportBox,
        *,
        backoff: Backoff,
        is_unwanted: Callable[[int], bool],
    ) -> None:
        self._api = api
        self._box = box
        self._backoff = backoff
        self._is_unwanted = is_unwanted

    async def report(
        self, api_url: str, request: AssignedWorkRequest, report: WorkRequestCompleted
    ) -> bool:
        """
        Deliver a result, and keep it meanwhile.

        Neither the disk nor the server has to wait for the other.

        :returns: whether the server has it, or nobody wants it
        """
        pending = PendingReport(
            api_url=api_url,
            work_request_id=request.id,
            scope=request.scope,
            token=request.token,
            report=report,
        )
        keeping = asyncio.create_task(asyncio.to_thread(self._box.keep, pending))
        is_settled = await self._deliver(pending, keeping)
        await keeping
        self._box.forget(pending)
        return is_settled

    async def hand_back(self, request: AssignedWorkRequest) -> None:
        """Let others do at once what this agent was stopped in the middle of."""
        try:
            await self._api.hand_back(request.id, key=request.token, scope=request.scope)
        except UpstreamError as error:
            # then the server has to find out by itself
            log.warning("not-handed-back", work_request=request.id, problem=error.explain())

    async def deliver_kept(self, api_url: str) -> None:
        """Deliver what an earlier agent could not."""
        for pending in self._box.pending(api_url):
            await self._deliver(pending)
            self._box.forget(pending)

    async def _deliver(
        self, pending: PendingReport, keeping: asyncio.Task[None] | None = None
    ) -> bool:
        """
        Deliver a result.

        :param keeping: stores it for an agent that follows this one; what the server does not
            take at once has to outlive the machine's run, too
        """
        for pause in self._backoff.pauses():
            delivery = await self._api.deliver(
                pending.work_request_id,
                pending.report,
                key=pending.token,
                scope=pending.scope,
            )
            if delivery is not Delivery.LATER:
                return delivery is Delivery.ACCEPTED
            if self._is_unwanted(pending.work_request_id):
                return True
            if keeping is not None:
                await keeping
                keeping = None
                await asyncio.to_thread(self._box.keep, pending, for_long=True)
            await asyncio.sleep(pause)
        raise AssertionError  # pauses have no end
