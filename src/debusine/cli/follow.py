# SPDX-License-Identifier: GPL-3.0-or-later
"""Watch a work request to its end; stop it when the user does."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Protocol

from debusine.cli.progress import Screen
from debusine.client.websocket import LogChunk
from debusine.domain.work_request import WorkRequestStatus
from debusine.errors import DebusineError
from debusine.wire.work_request import WorkRequest

POLL_S = 0.2
SAY_WAITING_AFTER_S = 5.0


class RequestPort(Protocol):
    """What watching takes from a client."""

    def work_request_get(self, work_request_id: int) -> WorkRequest:
        """Show a work request."""
        ...

    def work_request_abort(self, work_request_id: int) -> WorkRequest:
        """Stop a work request."""
        ...

    def log_follow(self, work_request_id: int, offset: int = 0) -> Iterator[LogChunk]:
        """Read its log as it is written."""
        ...


def watch(
    client: RequestPort,
    work_request_id: int,
    screen: Screen,
    *,
    sleep: Callable[[float], None] = time.sleep,
) -> WorkRequest:
    """
    Show the log of a work request as it is written, until the request is final.

    An interrupt aborts the request, says so, and goes on as ``KeyboardInterrupt``.

    :returns: the request, final
    """
    try:
        _wait_for_start(client, work_request_id, screen, sleep)
        for chunk in client.log_follow(work_request_id):
            screen.log(chunk.data)
        screen.log_end()
        while not (request := client.work_request_get(work_request_id)).status.is_final:
            sleep(POLL_S)
    except KeyboardInterrupt:
        screen.log_end()
        _abort(client, work_request_id, screen)
        raise
    return request


def _wait_for_start(
    client: RequestPort, work_request_id: int, screen: Screen, sleep: Callable[[float], None]
) -> None:
    waited_s = 0.0
    waiting = {WorkRequestStatus.PENDING, WorkRequestStatus.BLOCKED}
    while client.work_request_get(work_request_id).status in waiting:
        if waited_s < SAY_WAITING_AFTER_S <= waited_s + POLL_S:
            screen.note(f"work request {work_request_id} waits for a worker that is free")
        sleep(POLL_S)
        waited_s += POLL_S


def _abort(client: RequestPort, work_request_id: int, screen: Screen) -> None:
    try:
        client.work_request_abort(work_request_id)
    except DebusineError as error:
        screen.warn(f"work request {work_request_id} could not be aborted: {error.brief}")
    else:
        screen.warn(f"aborted work request {work_request_id}")
