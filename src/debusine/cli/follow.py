# SPDX-License-Identifier: GPL-3.0-or-later
"""Watch a work request to its end; stop it when the user does."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from typing import Protocol

from debusine.cli.progress import Screen
from debusine.client.websocket import LogChunk
from debusine.domain.work_request import WorkRequestStatus
from debusine.errors import DebusineError, NotPossibleError
from debusine.wire.work_request import WorkRequest

POLL_S = 0.2
LOOK_S = 5.0
"""How often to ask why a request waits."""


class RequestPort(Protocol):
    """What watching takes from a client."""

    def work_request_get(self, work_request_id: int) -> WorkRequest:
        """Show a work request."""
        ...

    def work_request_abort(self, work_request_id: int) -> WorkRequest:
        """Stop a work request."""
        ...

    def work_request_reason(self, work_request_id: int) -> str | None:
        """Say why no worker takes a work request."""
        ...

    def log_follow(self, work_request_id: int, offset: int = 0) -> Iterator[LogChunk]:
        """Read its log as it is written."""
        ...


def watch(
    client: RequestPort,
    work_request_id: int,
    screen: Screen,
    *,
    give_up_s: float = math.inf,
    sleep: Callable[[float], None] = time.sleep,
) -> WorkRequest:
    """
    Show the log of a work request as it is written, until the request is final.

    An interrupt aborts the request, says so, and goes on as ``KeyboardInterrupt``.

    :param give_up_s: abort the request when for so long no worker could take it
    :returns: the request, final
    :raises NotPossibleError: if it was given up; says what workers lack
    """
    try:
        _wait_for_start(client, work_request_id, screen, give_up_s=give_up_s, sleep=sleep)
        _show_log(client, work_request_id, screen)
        while not (request := client.work_request_get(work_request_id)).status.is_final:
            sleep(POLL_S)
    except (KeyboardInterrupt, NotPossibleError):
        screen.log_end()
        _abort(client, work_request_id, screen)
        raise
    return request


def _wait_for_start(
    client: RequestPort,
    work_request_id: int,
    screen: Screen,
    *,
    give_up_s: float,
    sleep: Callable[[float], None],
) -> None:
    waiting = {WorkRequestStatus.PENDING, WorkRequestStatus.BLOCKED}
    polls, hopeless_s, said = 0, 0.0, ""
    while client.work_request_get(work_request_id).status in waiting:
        sleep(POLL_S)
        polls += 1
        if polls % round(LOOK_S / POLL_S):
            continue
        reason = client.work_request_reason(work_request_id)
        text = reason or "for a worker that is free"
        if text != said:
            screen.note(f"work request {work_request_id} waits: {text}")
            said = text
        hopeless_s = hopeless_s + LOOK_S if reason else 0.0
        if reason is not None and hopeless_s >= give_up_s:
            raise NotPossibleError(
                f"no worker can run work request {work_request_id}: {reason}",
                resolution="`debusine doctor`, run where the worker is, names what it lacks"
                " and the command that mends it.",
            )


def _show_log(client: RequestPort, work_request_id: int, screen: Screen) -> None:
    attempt: int | None = None
    for chunk in client.log_follow(work_request_id):
        if attempt not in (None, chunk.attempt):
            screen.log_end()
            screen.warn(f"attempt {attempt} was lost with its worker; this is another one")
        attempt = chunk.attempt
        screen.log(chunk.data)
    screen.log_end()


def _abort(client: RequestPort, work_request_id: int, screen: Screen) -> None:
    try:
        client.work_request_abort(work_request_id)
    except DebusineError as error:
        screen.warn(f"work request {work_request_id} could not be aborted: {error.brief}")
    else:
        screen.warn(f"aborted work request {work_request_id}")
