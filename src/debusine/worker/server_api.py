# SPDX-License-Identifier: GPL-3.0-or-later
"""What the agent itself asks of the server."""

from __future__ import annotations

import enum
from collections.abc import Collection
from typing import Any

import aiohttp
import structlog
from pydantic import ValidationError

from debusine.client.identity import USER_AGENT
from debusine.errors import DebusineError, UpstreamError
from debusine.wire.work_request import AssignedWorkRequest, WorkRequestCompleted
from debusine.wire.worker import NextWanted, Register, WorkerTypeName
from debusine.wire.worker_care import HandBack

log = structlog.get_logger(__name__)

_TRY_AGAIN = frozenset({408, 423, 425, 429})


class Delivery(enum.Enum):
    """What became of a report."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    LATER = "later"


class LockedError(DebusineError):
    """The server is busy with just this; it is to be asked again soon."""

    code = "locked"
    status = 423


class ServerApi:
    """
    Requests of the agent.

    Each method raises :class:`UpstreamError` if the server cannot be reached or
    answers something else than it should.

    :param base_url: such as ``https://debusine.example.org/api``
    """

    def __init__(self, session: aiohttp.ClientSession, base_url: str) -> None:
        self._session = session
        self.base_url = base_url.rstrip("/")

    async def register(
        self, key: str, *, fqdn: str, activation_key: str | None, worker_type: WorkerTypeName
    ) -> None:
        """Ask to join, with a key of the worker's own making."""
        body = Register(token=key, fqdn=fqdn, worker_type=worker_type)
        await self._call(
            "POST", "worker/register/", activation_key, body.model_dump(mode="json"), expect=201
        )

    async def put_metadata(self, key: str, metadata: dict[str, Any]) -> None:
        """Say what this machine can do."""
        await self._call("PUT", "worker/dynamic-metadata/", key, metadata, expect=204)

    async def get_next(self, key: str, running: Collection[int]) -> AssignedWorkRequest | None:
        """
        Take the next work request.

        :param running: what the worker runs, so that the server knows what it has lost
        :returns: None if there is none
        :raises LockedError: if it is to be asked for again at once
        """
        status, content = await self._send(
            "POST",
            "work-request/get-next-for-worker/",
            {"token": key},
            NextWanted(running=sorted(running)).model_dump(mode="json"),
        )
        if status == 423:  # noqa: PLR2004  the protocol's
            raise LockedError("the server is busy")
        if status >= 400:  # noqa: PLR2004  every error
            raise _unexpected("get-next-for-worker", status, content)
        if status != 200:  # noqa: PLR2004  nothing to do
            return None
        try:
            return AssignedWorkRequest.model_validate_json(content)
        except ValidationError:
            log.exception("assignment-not-understood")
            return None

    async def deliver(
        self, work_request_id: int, report: WorkRequestCompleted, *, key: str, scope: str
    ) -> Delivery:
        """
        Report a result.

        :param key: of the work request, not of the worker
        :returns: whether the server took it, never will, or may do so later
        """
        headers = {"token": key}
        if scope:
            headers["X-Debusine-Scope"] = scope
        body = report.model_dump(mode="json", exclude_none=True)
        path = f"work-request/{work_request_id}/completed/"
        try:
            status, content = await self._send("PUT", path, headers, body)
        except UpstreamError as error:
            log.warning("report-not-delivered", work_request=work_request_id, problem=str(error))
            return Delivery.LATER
        if status == 200:  # noqa: PLR2004  the protocol's
            return Delivery.ACCEPTED
        log.warning(
            "report-refused",
            work_request=work_request_id,
            status=status,
            answer=content[:500].decode(errors="replace"),
        )
        later = status >= 500 or status in _TRY_AGAIN  # noqa: PLR2004  the server's own fault
        return Delivery.LATER if later else Delivery.REFUSED

    async def hand_back(self, work_request_id: int, *, key: str, scope: str) -> None:
        """
        Say that a work request was not finished, as the worker is being stopped.

        :param key: of the work request, not of the worker
        """
        headers = {"token": key} | ({"X-Debusine-Scope": scope} if scope else {})
        path = f"work-request/{work_request_id}/handed-back/"
        body = HandBack().model_dump(mode="json")
        status, content = await self._send("PUT", path, headers, body)
        if status != 200:  # noqa: PLR2004  the protocol's
            raise _unexpected(path, status, content)

    async def _call(
        self, method: str, path: str, key: str | None, body: dict[str, Any], *, expect: int
    ) -> None:
        headers = {"token": key} if key is not None else {}
        status, content = await self._send(method, path, headers, body)
        if status != expect:
            raise _unexpected(path, status, content)

    async def _send(
        self, method: str, path: str, headers: dict[str, str], body: dict[str, Any]
    ) -> tuple[int, bytes]:
        try:
            async with self._session.request(
                method,
                f"{self.base_url}/1.0/{path}",
                headers={"User-Agent": USER_AGENT, **headers},
                json=body,
                allow_redirects=False,
            ) as response:
                return response.status, await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise UpstreamError(
                f"cannot reach the server at {self.base_url}",
                details=f"{type(error).__name__}: {error}",
            ) from error


def _unexpected(path: str, status: int, content: bytes) -> UpstreamError:
    return UpstreamError(
        f"the server answers {status} to {path}", details=content[:500].decode(errors="replace")
    )
