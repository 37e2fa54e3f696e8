# SPDX-License-Identifier: GPL-3.0-or-later
"""The environments that this agent keeps after their tasks have ended."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from typing_extensions import override

from debusine.domain.hold import HoldLimits
from debusine.domain.result import WorkRequestResults
from debusine.util.clock import Clock, SystemClock
from debusine.wire.base import WireModel
from debusine.wire.hold import EndedHold, HeldEnvironment, Holds, HoldWish
from debusine.wire.terminal import (
    TerminalAck,
    TerminalData,
    TerminalExit,
    TerminalOpen,
    parse_frame,
)
from debusine.worker.execution import Execution, HoldHooks, HoldOffer
from debusine.worker.nursery_protocol import KEEP

# what the server may not have heard yet
_REMEMBERED = 100
_GONE = "it is not there any more"

log = structlog.get_logger(__name__)


@dataclass(kw_only=True)
class _Held(HoldHooks):
    """
    The environment of one request, from the start of its task on.

    :param begun: when it began to be kept; None before
    """

    keeper: HoldKeeper
    execution: Execution
    wish: HoldWish | None
    begun: datetime | None = None
    until: datetime | None = None
    network: bool = False
    terminals: set[int] = field(default_factory=set)
    timer: asyncio.Task[None] | None = None

    @override
    def wants(self, result: WorkRequestResults) -> bool:
        return self.keeper.wants(self, result)

    @override
    def offer(self, offer: HoldOffer) -> bool:
        return self.keeper.offered(self, offer)

    @override
    def frame(self, frame: TerminalData | TerminalAck | TerminalExit) -> None:
        if frame.terminal in self.terminals:
            self.keeper.say(frame)
            if isinstance(frame, TerminalExit):
                self.terminals.discard(frame.terminal)

    @override
    def lost(self) -> None:
        self.keeper.end_soon(self.execution.work_request_id, "it has ended by itself")


class HoldKeeper:
    """
    Decides what is kept, for how long, and connects terminals with it.

    :param say: sends a frame to the server, if there is a connection
    """

    def __init__(
        self, limits: HoldLimits, *, say: Callable[[WireModel], None], clock: Clock | None = None
    ) -> None:
        self.limits = limits
        self.say = say
        self.refusal: str | None = None
        """Why nothing is kept now, for example since the worker is drained."""
        self._clock = clock or SystemClock()
        self._known: dict[int, _Held] = {}
        self._ended: deque[EndedHold] = deque(maxlen=_REMEMBERED)
        self._ending: dict[int, asyncio.Task[None]] = {}

    @property
    def is_enabled(self) -> bool:
        """Whether anything is ever kept."""
        return self.limits.count > 0

    def watch(self, execution: Execution, wish: HoldWish | None) -> None:
        """Look after the environment of a task that is about to start."""
        number = execution.work_request_id
        # what an earlier attempt left is kept, rather than what this one leaves
        if self.is_enabled and number not in self._known:
            held = _Held(keeper=self, execution=execution, wish=wish)
            self._known[number] = execution.hold_hooks = held

    def forget(self, work_request_id: int) -> None:
        """Take note that nothing of a task is left, unless it is kept."""
        held = self._known.get(work_request_id)
        if held is not None and not held.execution.is_held:
            del self._known[work_request_id]

    def wish(self, work_request_id: int, wish: HoldWish) -> None:
        """Keep the environment of a task that runs, or for another while from now on."""
        held = self._known.get(work_request_id)
        if held is None:
            # it has ended meanwhile
            self._note(wish, _GONE)
            self.report()
        elif held.begun is None:
            held.wish = wish
        elif held.wish != wish:
            held.wish = wish
            self._set_end(held)
            self.report()

    def release(self, work_request_id: int) -> None:
        """Keep an environment no longer, or not at all."""
        held = self._known.get(work_request_id)
        if held is not None and held.begun is not None:
            self.end_soon(work_request_id, "it was released")
            return
        if held is not None:
            held.wish = None
        # that it is not there says it all
        self.report()

    def take(self, content: object) -> None:
        """
        Pass on what the server sends for a terminal.

        :raises ValueError: if it is not understood
        """
        frame = parse_frame(content)
        if isinstance(frame, TerminalOpen):
            held = self._known.get(frame.work_request_id)
            if held is None or held.begun is None or frame.work_request_id in self._ending:
                self.say(TerminalExit(terminal=frame.terminal, reason=_GONE))
                return
            held.terminals.add(frame.terminal)
        for held in self._known.values():
            if frame.terminal in held.terminals:
                held.execution.tell(frame.model_dump(mode="json"))
                return
        self.say(TerminalExit(terminal=frame.terminal, reason=_GONE))

    def report(self) -> None:
        """Say what is kept."""
        if self.is_enabled:
            self.say(self._report())

    def _report(self) -> Holds:
        return Holds(
            held=[
                HeldEnvironment(
                    hold=held.wish.hold,
                    work_request_id=number,
                    held_at=held.begun,
                    until=held.until,
                    network=held.network,
                )
                for number, held in self._known.items()
                if held.wish and held.begun and held.until
            ],
            ended=list(self._ended),
        )

    def wants(self, held: _Held, result: WorkRequestResults) -> bool:
        """Whether what a task left is of interest; if not, it is said why not."""
        if held.wish is None:
            return False
        if held.wish.condition.applies_to(result):
            return True
        self._refuse(held.wish, f"the task ended with {result.value}")
        return False

    def offered(self, held: _Held, offer: HoldOffer) -> bool:
        """Decide about what a task left; false if it is not kept."""
        number = held.execution.work_request_id
        if held.begun is not None:
            # the second offer is that it has to go
            self.end_soon(number, offer.reason or _GONE)
            return False
        if held.wish is None:
            return False
        kept = sum(one.begun is not None for one in self._known.values())
        refusal = self.refusal or offer.reason or self.limits.refuse(offer.size_bytes, kept=kept)
        if refusal is not None:
            self._refuse(held.wish, refusal)
            return False
        held.begun, held.network = self._clock.now(), offer.network
        self._set_end(held)
        held.execution.tell({"order": KEEP, "max_bytes": self.limits.size_mib << 20})
        log.info("environment-held", work_request=number, until=str(held.until))
        self.report()
        return True

    def _set_end(self, held: _Held) -> None:
        assert held.wish is not None
        assert held.begun is not None
        now = self._clock.now()
        wanted = timedelta(seconds=held.wish.seconds)
        held.until = self.limits.until(now, wanted, begun=held.begun)
        if held.timer is not None:
            held.timer.cancel()
        pause_s = max(0.0, (held.until - now).total_seconds())
        held.timer = asyncio.create_task(self._end_later(held, pause_s))

    async def _end_later(self, held: _Held, pause_s: float) -> None:
        await asyncio.sleep(pause_s)
        held.timer = None
        self.end_soon(held.execution.work_request_id, "its time was over")

    def end_soon(self, work_request_id: int, reason: str) -> None:
        """Begin to end an environment that is kept; safe to call twice."""
        held = self._known.get(work_request_id)
        if held is not None and held.begun is not None and work_request_id not in self._ending:
            ending = asyncio.create_task(self._end(held, reason))
            self._ending[work_request_id] = ending

    async def end_all(self, reason: str) -> None:
        """End all environments, and keep none until :attr:`refusal` is taken away."""
        self.refusal = reason
        for number in list(self._known):
            self.end_soon(number, reason)
        await asyncio.gather(*self._ending.values(), return_exceptions=True)

    async def _end(self, held: _Held, reason: str) -> None:
        number = held.execution.work_request_id
        log.info("environment-released", work_request=number, reason=reason)
        for terminal in sorted(held.terminals):
            self.say(TerminalExit(terminal=terminal, reason=f"the environment ended: {reason}"))
        held.terminals.clear()
        if held.timer is not None:
            held.timer.cancel()
        try:
            await held.execution.end_hold()
        finally:
            await held.execution.release()
            del self._known[number]
            del self._ending[number]
            if held.wish is not None:
                self._note(held.wish, reason)
            # only now: nothing of it is left
            self.report()

    def _refuse(self, wish: HoldWish, reason: str) -> None:
        self._note(wish, reason)
        self.report()

    def _note(self, wish: HoldWish, reason: str) -> None:
        self._ended.append(EndedHold(hold=wish.hold, reason=reason[:400]))
