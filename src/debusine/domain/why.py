# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a request waits, or that it does not: everything that is known, in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from debusine.domain.resources import NOTHING, Offer, Resources, Room
from debusine.domain.waiting import Obstacles, explain_waiting
from debusine.domain.worker_state import WorkerState

NAMED = 5
"""Of workers and dependencies that are alike, so many are named."""
# what clocks of several machines may differ by
_NOTICED = timedelta(seconds=1)


class WaitingCode(StrEnum):
    """What kind of reason it is."""

    ENDED = "ended"
    RUNNING = "running"
    DEPENDENCY = "dependency"
    BLOCKED = "blocked"
    DELAY = "delay"
    NEVER_OFFERED = "never-offered"
    TAGS = "tags"
    RESOURCES = "resources"
    NOT_THERE = "worker-not-there"
    BUSY = "busy"
    SOON = "soon"
    QUEUE = "queue"
    SHARE = "share"


@dataclass(frozen=True, kw_only=True, slots=True)
class Cause:
    """One reason; the text is a sentence without its end."""

    code: WaitingCode
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Dependency:
    """A request that has to end first."""

    work_request: int
    task: str
    status: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """
    A worker, as seen from a request.

    :param remark: why it was drained, or cannot work with this server
    :param taken: what of its offer is kept for what it runs
    """

    name: str
    obstacles: Obstacles
    offer: Offer
    state: WorkerState
    remark: str = ""
    taken: Resources = NOTHING

    @property
    def room(self) -> Room:
        """What of it is free."""
        return Room(offer=self.offer, taken=self.taken)


@dataclass(frozen=True, kw_only=True, slots=True)
class QueuePlace:
    """
    Where a request stands in the queue.

    :param ahead: how many come before it that a worker that fits can run, too
    :param is_bounded: whether there are more, and counting stopped
    :param late: how much later it comes than its age says, by what its owners have had
    """

    ahead: int = 0
    is_bounded: bool = False
    late: timedelta = timedelta()


@dataclass(frozen=True, kw_only=True, slots=True)
class Blocked:
    """
    A request that others have to end before.

    :param dependencies: some of them, those that may be shown
    :param more: how many there are beside
    """

    dependencies: Sequence[Dependency] = field(default=())
    more: int = 0

    def causes(self) -> list[Cause]:
        """What it waits for."""
        found = [
            Cause(
                code=WaitingCode.DEPENDENCY,
                text=f"work request {one.work_request} ({one.task}), which is {one.status},"
                " has to end first",
            )
            for one in self.dependencies
        ]
        if self.more:
            others = "one other has" if self.more == 1 else f"{self.more} others have"
            found.append(Cause(code=WaitingCode.DEPENDENCY, text=f"{others} to end first"))
        return found or [Cause(code=WaitingCode.BLOCKED, text="a person or its workflow goes on")]


@dataclass(frozen=True, kw_only=True, slots=True)
class Delayed:
    """
    A request that is not to be tried before a moment.

    :param reason: what came of the attempt before, if there was one
    """

    until: datetime
    reason: str = ""

    def causes(self) -> list[Cause]:
        """Until when, and why."""
        why = f", as {self.reason}" if self.reason else ""
        text = f"it is not tried before {self.until:%Y-%m-%d %H:%M:%S} UTC{why}"
        return [Cause(code=WaitingCode.DELAY, text=text)]


@dataclass(frozen=True, kw_only=True, slots=True)
class Queued:
    """
    A request that any worker that fits may take.

    :param workers: all that are known
    :param need: what one must have free
    :param is_never_offered: whether no worker ever had all the tags it asks for
    """

    workers: Sequence[Candidate]
    need: Resources
    place: QueuePlace
    is_never_offered: bool = False

    def fitting(self) -> list[Candidate]:
        """Workers that could run it if they were there and had nothing else to do."""
        return [one for one in self._matching() if one.offer.holds(self.need)]

    def _matching(self) -> list[Candidate]:
        return [one for one in self.workers if not one.obstacles.number]

    def causes(self) -> list[Cause]:
        """What stands in its way, what weighs most first."""
        return list(self._causes())

    def _causes(self) -> Iterator[Cause]:
        if self.is_never_offered:
            yield Cause(
                code=WaitingCode.NEVER_OFFERED,
                text="no worker has ever offered all that it asks for",
            )
        if not self._matching():
            obstacles = {one.name: one.obstacles for one in self.workers}
            reason = explain_waiting(obstacles, connected=False)
            yield Cause(code=WaitingCode.TAGS, text=reason or "no worker fits")
            return
        fitting = self.fitting()
        if not fitting:
            yield Cause(code=WaitingCode.RESOURCES, text=self._too_big())
            return
        yield from self._of_fitting(fitting)
        yield from self._in_queue()

    def _too_big(self) -> str:
        offers = [
            f"{one.name} offers {_amount(one.offer.memory_mib, one.offer.disk_mib)}"
            for one in self._matching()[:NAMED]
        ]
        need = _amount(self.need.memory_mib, self.need.disk_mib)
        return f"it needs {need}, more than any worker that fits has: {', '.join(offers)}"

    def _of_fitting(self, fitting: Sequence[Candidate]) -> Iterator[Cause]:
        there = [one for one in fitting if one.state in {WorkerState.IDLE, WorkerState.BUSY}]
        idle = [one for one in there if one.state is WorkerState.IDLE]
        roomy = [one for one in there if one.room.fits(self.need)]
        if not there:
            yield from self._absent(fitting)
        elif any(one in roomy for one in idle):
            yield Cause(code=WaitingCode.SOON, text=f"it is the turn of {_names(roomy)} to ask")
        elif idle:
            yield Cause(code=WaitingCode.RESOURCES, text=self._too_little(idle))
        else:
            yield Cause(code=WaitingCode.BUSY, text=_busy(there))

    def _too_little(self, idle: Sequence[Candidate]) -> str:
        """What workers with a free slot have left."""
        free = [
            f"{one.name} has {_amount(one.room.free_memory_mib, one.room.free_disk_mib)} free"
            for one in idle[:NAMED]
        ]
        # without a history it takes what one slot of the first of them has
        need = idle[0].room.reserve(self.need)
        wanted = _amount(need.memory_mib, need.disk_mib)
        return f"it needs {wanted}, but of the workers that fit {', '.join(free)}"

    def _absent(self, fitting: Sequence[Candidate]) -> Iterator[Cause]:
        for one in fitting[:NAMED]:
            remark = f": {one.remark}" if one.remark else ""
            yield Cause(
                code=WaitingCode.NOT_THERE, text=f"{one.name} fits, but is {one.state}{remark}"
            )
        if len(fitting) > NAMED:
            text = f"{len(fitting) - NAMED} other workers fit, but are not there"
            yield Cause(code=WaitingCode.NOT_THERE, text=text)

    def _in_queue(self) -> Iterator[Cause]:
        ahead = self.place.ahead
        if ahead:
            number = f"more than {ahead}" if self.place.is_bounded else str(ahead)
            requests = "request is" if number == "1" else "requests are"
            yield Cause(code=WaitingCode.QUEUE, text=f"{number} {requests} before it")
        if self.place.late >= _NOTICED:
            late_s = round(self.place.late.total_seconds())
            text = (
                f"it comes {late_s} s later than its age says,"
                " as its user or workspace has had more than others lately"
            )
            yield Cause(code=WaitingCode.SHARE, text=text)


def _busy(workers: Sequence[Candidate]) -> str:
    if len(workers) == 1:
        return f"the one worker that fits, {workers[0].name}, is busy"
    return f"all {len(workers)} workers that fit are busy: {_names(workers)}"


def _names(workers: Sequence[Candidate]) -> str:
    names = [one.name for one in workers[:NAMED]]
    return ", ".join(names) + (" and others" if len(workers) > NAMED else "")


def _amount(memory_mib: int | None, disk_mib: int | None) -> str:
    """
    Say how much memory and disk that is.

    >>> _amount(2048, 0), _amount(None, 512)
    ('2048 MiB of memory', '512 MiB of disk')
    """
    parts = [(memory_mib, "memory"), (disk_mib, "disk")]
    return " and ".join(f"{mib} MiB of {what}" for mib, what in parts if mib) or "nothing"
