# SPDX-License-Identifier: GPL-3.0-or-later
"""Watch a work request to its end; stop it when the user does."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from typing import Protocol

from debusine.cli.progress import Screen
from debusine.client.websocket import LogChunk
from debusine.domain.why import WaitingCode
from debusine.domain.work_request import WorkRequestStatus
from debusine.errors import DebusineError, NotPossibleError
from debusine.wire.work_request import Waiting, WorkRequest

POLL_S = 0.2
LOOK_S = 5.0
"""How often to ask why a request waits."""
_WAITING = frozenset({WorkRequestStatus.PENDING, WorkRequestStatus.BLOCKED})
# what a request may wait for that is no worker
_OTHERS = frozenset({WaitingCode.DELAY, WaitingCode.DEPENDENCY, WaitingCode.BLOCKED})


class RequestPort(Protocol):
    """What watching takes from a client."""

    def work_request_get(self, work_request_id: int) -> WorkRequest:
        """Show a work request."""
        ...

    def work_request_abort(self, work_request_id: int) -> WorkRequest:
        """Stop a work request."""
        ...

    def work_request_waiting(self, work_request_id: int) -> Waiting:
        """Say why a work request waits."""
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
    warn_after_s: float = math.inf,
    sleep: Callable[[float], None] = time.sleep,
) -> WorkRequest:
    """
    Show the log of a work request as it is written, until the request is final.

    An interrupt aborts the request, says so, and goes on as ``KeyboardInterrupt``.

    :param give_up_s: abort the request when for so long no worker could take it
    :param warn_after_s: warn if by then no worker ever offered what it asks for
    :returns: the request, final
    :raises NotPossibleError: if it was given up; says what workers lack
    """
    try:
        wait = _Wait(client, work_request_id, screen, warn_after_s=warn_after_s)
        wait.for_start(give_up_s=give_up_s, sleep=sleep)
        _show_log(client, work_request_id, screen)
        while not (request := client.work_request_get(work_request_id)).status.is_final:
            sleep(POLL_S)
    except (KeyboardInterrupt, NotPossibleError):
        screen.log_end()
        _abort(client, work_request_id, screen)
        raise
    return request


class _Wait:
    """Waiting for the start of a request: what was said of it, and for how long it is hopeless."""

    def __init__(
        self, client: RequestPort, work_request_id: int, screen: Screen, *, warn_after_s: float
    ) -> None:
        self._client = client
        self._id = work_request_id
        self._screen = screen
        self._warn_after_s = warn_after_s
        self._said = ""
        self._hopeless_s = 0.0

    def for_start(self, *, give_up_s: float, sleep: Callable[[float], None]) -> None:
        """
        Return when it has started or ended.

        :raises NotPossibleError: if for so long no worker could take it
        """
        polls = 0
        while self._client.work_request_get(self._id).status in _WAITING:
            if polls == 0 and self._warn_after_s <= 0:
                self._warn(self._client.work_request_waiting(self._id), waited_s=0)
            sleep(POLL_S)
            polls += 1
            if polls % round(LOOK_S / POLL_S) == 0:
                self._look(waited_s=polls * POLL_S, give_up_s=give_up_s)

    def _look(self, *, waited_s: float, give_up_s: float) -> None:
        """
        Say what it waits for, once.

        :raises NotPossibleError: if for so long no worker could take it
        """
        waiting = self._client.work_request_waiting(self._id)
        self._warn(waiting, waited_s=waited_s)
        text = waiting.reason or _delay(waiting) or "for a worker that is free"
        if text != self._said:
            self._screen.note(f"work request {self._id} waits: {text}")
            self._said = text
        self._hopeless_s = self._hopeless_s + LOOK_S if waiting.reason else 0.0
        if waiting.reason is not None and self._hopeless_s >= give_up_s:
            raise NotPossibleError(
                f"no worker can run work request {self._id}: {waiting.reason}",
                resolution="`debusine doctor`, run where the worker is, names what it lacks"
                " and the command that mends it.",
            )

    def _warn(self, waiting: Waiting, *, waited_s: float) -> None:
        if waiting.warning is not None and waited_s >= self._warn_after_s:
            self._screen.warn(f"work request {self._id}: {waiting.warning}")
            self._warn_after_s = math.inf


def _delay(waiting: Waiting) -> str | None:
    """What it waits for if that is a moment, or other requests."""
    texts = (cause.text for cause in waiting.causes if cause.code in _OTHERS)
    return next(texts, None)


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
