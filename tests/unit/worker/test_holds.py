# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from debusine.domain.hold import HoldCondition, HoldLimits
from debusine.domain.result import WorkRequestResults
from debusine.testing.clock import FakeClock
from debusine.wire.base import JsonObject, WireModel
from debusine.wire.hold import Holds, HoldWish
from debusine.wire.terminal import TerminalExit, TerminalOpen
from debusine.worker.execution import HoldHooks, HoldOffer
from debusine.worker.holds import HoldKeeper

LIMITS = HoldLimits(count=1, duration=timedelta(hours=1), size_mib=10)
WISH = HoldWish(hold=7, seconds=600, condition=HoldCondition.FAILURE)
OFFER = HoldOffer(network=True, size_bytes=1)


class FakeExecution:
    """A task that has ended, whose environment nothing keeps but a flag."""

    def __init__(self, number: int) -> None:
        self.work_request_id = number
        self.is_held = False
        self.hold_hooks: HoldHooks | None = None
        self.told: list[JsonObject] = []
        self.is_released = False

    def tell(self, message: JsonObject) -> None:
        self.told.append(message)

    async def end_hold(self) -> None:
        await asyncio.sleep(0)

    async def release(self) -> None:
        self.is_released = True


class World:
    """A keeper, and what it said."""

    def __init__(self, limits: HoldLimits = LIMITS) -> None:
        self.said: list[WireModel] = []
        self.clock = FakeClock()
        self.keeper = HoldKeeper(limits, say=self.said.append, clock=self.clock)

    def begin(self, number: int, wish: HoldWish | None = WISH) -> FakeExecution:
        execution = FakeExecution(number)
        self.keeper.watch(execution, wish)  # type: ignore[arg-type]  # as far as it is used
        return execution

    def end(
        self,
        execution: FakeExecution,
        result: str = "failure",
        offer: HoldOffer = OFFER,
    ) -> bool:
        assert execution.hold_hooks is not None
        hooks = execution.hold_hooks
        kept = hooks.wants(WorkRequestResults(result)) and hooks.offer(offer)
        execution.is_held = kept
        self.keeper.forget(execution.work_request_id)
        return kept

    def reasons(self) -> list[str]:
        """Why nothing is kept, as was said last."""
        last = [frame for frame in self.said if isinstance(frame, Holds)][-1]
        return [one.reason for one in last.ended]

    def kept(self) -> list[int]:
        """What is kept, as was said last."""
        last = [frame for frame in self.said if isinstance(frame, Holds)][-1]
        return [one.work_request_id for one in last.held]


def in_loop(test: Callable[[World], Awaitable[None]]) -> Callable[[], None]:
    def run() -> None:
        async def inside() -> None:
            world = World()
            await test(world)
            await world.keeper.end_all("the test is over")

        asyncio.run(inside())

    run.__name__ = test.__name__
    return run


@in_loop
async def test_what_fails_is_kept_and_released(world: World) -> None:
    execution = world.begin(3)
    assert world.end(execution)
    assert execution.told == [{"order": "keep", "max_bytes": 10 << 20}]
    assert world.kept() == [3]
    world.keeper.release(3)
    # until nothing is left of it
    world.keeper.report()
    assert world.kept() == [3]
    await world.keeper.end_all("unused")
    assert execution.is_released
    assert world.kept() == []
    assert world.reasons() == ["it was released"]


@pytest.mark.parametrize(
    ("result", "offer", "reason"),
    [
        ("success", OFFER, "the task ended with success"),
        ("failure", HoldOffer(reason="no sandbox"), "no sandbox"),
        ("error", HoldOffer(size_bytes=11 << 20), "its files take 11 MiB, more than"),
    ],
)
def test_what_is_not_kept_is_told_why(result: str, offer: HoldOffer, reason: str) -> None:
    async def inside() -> None:
        world = World()
        execution = world.begin(3)
        assert not world.end(execution, result, offer)
        (said,) = world.reasons()
        assert said.startswith(reason)
        # and its number is free
        assert world.begin(3).hold_hooks is not None

    asyncio.run(inside())


@in_loop
async def test_nobody_asks_nothing_is_kept_and_nothing_said(world: World) -> None:
    assert not world.end(world.begin(3, None))
    assert world.said == []


@in_loop
async def test_a_wish_may_come_while_it_runs_and_change(world: World) -> None:
    execution = world.begin(3, None)
    world.keeper.wish(3, WISH)
    assert world.end(execution)
    first = world.said[-1]
    world.keeper.wish(3, WISH.model_copy(update={"seconds": 36_000}))
    last = world.said[-1]
    assert isinstance(first, Holds)
    assert isinstance(last, Holds)
    now = world.clock.now()
    assert first.held[0].until == now + timedelta(minutes=10)
    # as long as the worker allows
    assert last.held[0].until == now + LIMITS.duration


@in_loop
async def test_one_more_than_the_limit_is_not_kept(world: World) -> None:
    assert world.end(world.begin(3))
    assert not world.end(world.begin(4, WISH.model_copy(update={"hold": 8})))
    assert world.kept() == [3]
    assert world.reasons() == ["the worker keeps 1 environment already, which is its limit"]


@in_loop
async def test_another_attempt_does_not_push_the_first_one_out(world: World) -> None:
    first = world.begin(3)
    assert world.end(first)
    second = world.begin(3)
    assert second.hold_hooks is None
    world.keeper.forget(3)
    assert world.kept() == [3]


@in_loop
async def test_a_drained_worker_keeps_nothing(world: World) -> None:
    execution = world.begin(3)
    assert world.end(execution)
    await world.keeper.end_all("the worker was drained")
    assert execution.is_released
    assert not world.end(world.begin(4))
    assert world.reasons() == ["the worker was drained"] * 2
    world.keeper.refusal = None
    assert world.end(world.begin(5))


@in_loop
async def test_terminals_reach_only_what_is_kept(world: World) -> None:
    execution = world.begin(3)
    opening = TerminalOpen(terminal=9, work_request_id=3).model_dump(mode="json")
    world.keeper.take(opening)
    assert world.said == [TerminalExit(terminal=9, reason="it is not there any more")]
    assert world.end(execution)
    world.keeper.take(opening)
    world.keeper.take({"kind": "alive", "terminal": 9})
    assert [one.get("kind") for one in execution.told[1:]] == ["open", "alive"]
    world.keeper.take({"kind": "alive", "terminal": 10})
    assert world.said[-1] == TerminalExit(terminal=10, reason="it is not there any more")
    hooks: Any = execution.hold_hooks
    hooks.frame(TerminalExit(terminal=10, exit_code=0))
    assert world.said[-1] != TerminalExit(terminal=10, exit_code=0)
    hooks.frame(TerminalExit(terminal=9, exit_code=0))
    assert world.said[-1] == TerminalExit(terminal=9, exit_code=0)


@pytest.mark.parametrize("content", [{}, {"kind": "what"}, {"kind": "resize", "rows": 0}, 5])
def test_frames_that_are_none_are_refused(content: Any) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  pydantic's
        World().keeper.take(content)
