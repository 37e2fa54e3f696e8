# SPDX-License-Identifier: GPL-3.0-or-later
"""
What requests need of a worker, learned from earlier runs, and what a worker has free.

A need of 0 is unknown: such a request takes an equal share of the worker, what the
worker offers divided by its slots. Needs are rounded up to classes, so that few
different ones exist and the queue can be indexed by them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

GIB_IN_MIB = 1024
MAX_SLOTS = 1000
# of the newest runs of one kind; more are not kept
KEPT_RUNS = 20

_PERCENTILE = 0.95
# the next version may need somewhat more
_MARGIN = 1.25
# what ran out of memory is given this much more the next time
_GROWTH = 2
_MEMORY_GIB = (0.25, 0.5, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256)
_DISK_GIB = (1, 4, 16, 64, 256, 1024)
_CPUS = (1, 2, 4, 8, 16, 32, 64, 128)


@dataclass(frozen=True, kw_only=True, slots=True)
class Resources:
    """Memory and disk in MiB, and processors."""

    memory_mib: int = 0
    disk_mib: int = 0
    cpu_count: int = 0

    def __bool__(self) -> bool:
        """Whether there is anything at all."""
        return bool(self.memory_mib or self.disk_mib or self.cpu_count)

    def within(self, limit: Resources) -> Resources:
        """The same, nowhere more than a limit."""
        return Resources(
            memory_mib=min(self.memory_mib, limit.memory_mib),
            disk_mib=min(self.disk_mib, limit.disk_mib),
            cpu_count=min(self.cpu_count, limit.cpu_count),
        )


NOTHING = Resources()


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """
    What one run took; None: it was not measured.

    :param ran_out: whether it was ended as it needed more memory than this
    """

    memory_mib: int | None = None
    disk_mib: int | None = None
    duration_s: float | None = None
    cpu_time_s: float | None = None
    ran_out: bool = False

    @property
    def cpus(self) -> float | None:
        """How many processors it kept busy; None if it was too short to tell."""
        if self.cpu_time_s is None or self.duration_s is None or self.duration_s < 1:
            return None
        return self.cpu_time_s / self.duration_s


def needed(runs: Sequence[Run]) -> Resources:
    """
    Estimate what the next run needs.

    The 95th percentile of what earlier ones took, with a margin for memory and disk. What
    ran out of memory is to get twice as much as it had, whatever others took.

    >>> needed([Run(memory_mib=1500, disk_mib=3000, duration_s=100, cpu_time_s=250)])
    Resources(memory_mib=2048, disk_mib=4096, cpu_count=4)
    >>> needed([])
    Resources(memory_mib=0, disk_mib=0, cpu_count=0)
    """
    ended = [run for run in runs if not run.ran_out]
    memory = _percentile(run.memory_mib for run in ended) * _MARGIN
    short = [run.memory_mib * _GROWTH for run in runs if run.ran_out and run.memory_mib]
    disk = _percentile(run.disk_mib for run in ended) * _MARGIN
    return Resources(
        memory_mib=_size_class(max([memory, *short]), _MEMORY_GIB),
        disk_mib=_size_class(disk, _DISK_GIB),
        cpu_count=_cpu_class(_percentile(run.cpus for run in ended)),
    )


def _percentile(values: Iterable[float | None]) -> float:
    """Nearest rank; 0 if nothing is known."""
    known = sorted(value for value in values if value is not None)
    return known[math.ceil(_PERCENTILE * len(known)) - 1] if known else 0


def _size_class(mib: float, classes: Sequence[float]) -> int:
    """Round up to a class, in MiB; beyond the last, to a multiple of it."""
    if mib <= 0:
        return 0
    gib = mib / GIB_IN_MIB
    found = next((one for one in classes if gib <= one), None)
    return int((math.ceil(gib / classes[-1]) * classes[-1] if found is None else found) * 1024)


def _cpu_class(cpus: float) -> int:
    """Round to a class; a little more than one is still that one."""
    if cpus <= 0:
        return 0
    return next((one for one in _CPUS if cpus <= one * 1.1), _CPUS[-1])


@dataclass(frozen=True, kw_only=True, slots=True)
class Offer:
    """
    What a worker has for all its slots together; None: it does not say, and is not limited.

    :param slots: how many requests it runs at once
    """

    slots: int = 1
    memory_mib: int | None = None
    disk_mib: int | None = None
    cpu_count: int | None = None

    @property
    def is_limited(self) -> bool:
        """Whether it says anything."""
        return not (self.memory_mib is None and self.disk_mib is None and self.cpu_count is None)

    def holds(self, need: Resources) -> bool:
        """Whether a request fits if nothing else runs."""
        return Room(offer=self).fits(need)

    def cut(self, need: Resources) -> Resources:
        """What a request may hope for if no worker offers more than this one."""
        return need.within(
            Resources(
                memory_mib=need.memory_mib if self.memory_mib is None else self.memory_mib,
                disk_mib=need.disk_mib if self.disk_mib is None else self.disk_mib,
                cpu_count=need.cpu_count if self.cpu_count is None else self.cpu_count,
            )
        )


# what a worker of 0.16 has, which says nothing
ONE_SLOT = Offer()


@dataclass(frozen=True, kw_only=True, slots=True)
class Room:
    """
    What of a worker is free.

    :param taken: by what runs there
    """

    offer: Offer
    taken: Resources = NOTHING

    @classmethod
    def left(cls, offer: Offer, taken: Iterable[Resources]) -> Room:
        """What is left beside several."""
        held = list(taken)
        return cls(
            offer=offer,
            taken=Resources(
                memory_mib=sum(one.memory_mib for one in held),
                disk_mib=sum(one.disk_mib for one in held),
                cpu_count=sum(one.cpu_count for one in held),
            ),
        )

    def fits(self, need: Resources) -> bool:
        """Whether a request can have what it needs now."""
        offer = self.offer
        return (
            _has(offer.memory_mib, self.taken.memory_mib, self._memory(need))
            and _has(offer.disk_mib, self.taken.disk_mib, self._disk(need))
            # tasks share processors better than memory: one is enough to start
            and _has(offer.cpu_count, self.taken.cpu_count, max(1, need.cpu_count))
        )

    def reserve(self, need: Resources) -> Resources:
        """
        What a request that fits gets; 0 where the worker is not limited.

        Of the processors it gets its share even if it needs fewer: how many a build uses
        depends on how many it was given last time.
        """
        offer = self.offer
        cpus = 0
        if offer.cpu_count is not None:
            wanted = max(1, need.cpu_count, offer.cpu_count // offer.slots)
            cpus = max(0, min(wanted, offer.cpu_count - self.taken.cpu_count))
        return Resources(
            memory_mib=0 if offer.memory_mib is None else self._memory(need),
            disk_mib=0 if offer.disk_mib is None else self._disk(need),
            cpu_count=cpus,
        )

    @property
    def free_memory_mib(self) -> int | None:
        """Memory that is left; None: it is not limited."""
        return _left(self.offer.memory_mib, self.taken.memory_mib)

    @property
    def free_disk_mib(self) -> int | None:
        """Disk that is left; None: it is not limited."""
        return _left(self.offer.disk_mib, self.taken.disk_mib)

    def _memory(self, need: Resources) -> int:
        return need.memory_mib or (self.offer.memory_mib or 0) // self.offer.slots

    def _disk(self, need: Resources) -> int:
        return need.disk_mib or (self.offer.disk_mib or 0) // self.offer.slots


def _left(offered: int | None, taken: int) -> int | None:
    return None if offered is None else max(0, offered - taken)


def _has(offered: int | None, taken: int, wanted: int) -> bool:
    return offered is None or taken + wanted <= offered


# a request that waits longer keeps small ones from a worker on which it would fit alone
HOLD_AFTER = timedelta(minutes=5)
# one of so many workers at first; twice as many with each time that passes
_HOLDERS = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Head:
    """
    The first request of one signature in the queue.

    :param place: smaller is sooner
    """

    place: int
    pk: int
    pending_at: datetime
    need: Resources = NOTHING


def choose(heads: Iterable[Head], room: Room, *, worker: int, now: datetime) -> Head | None:
    """
    Pick the request that a worker runs next.

    The first that fits what is free. But what does not fit, comes before it, and has
    waited long, is not passed over for ever: the worker takes nothing that comes after
    it until it has room. Since one such worker is enough, only some do so at first.

    :param worker: id of the worker
    :returns: None if nothing fits, or the worker keeps itself free
    """
    for head in sorted(heads, key=lambda one: (one.place, one.pk)):
        if room.fits(head.need):
            return head
        if room.offer.holds(head.need) and _is_held(head, worker=worker, now=now):
            return None
    return None


def _is_held(head: Head, *, worker: int, now: datetime) -> bool:
    times = (now - head.pending_at) // HOLD_AFTER
    if times < 1:
        return False
    return (worker + head.pk) % max(1, _HOLDERS >> (times - 1)) == 0


def largest(offers: Iterable[Offer], need: Resources) -> Resources:
    """
    Cut what a request needs to what it can have.

    :param offers: of the workers that can run it
    :returns: the same if it fits one of them, or there is none; else what the largest has

    >>> one, two = Offer(memory_mib=4096), Offer(memory_mib=8192)
    >>> largest([one, two], Resources(memory_mib=16384)).memory_mib
    8192
    """
    known = list(offers)
    if not known or any(offer.holds(need) for offer in known):
        return need
    cuts = [offer.cut(need) for offer in known]
    return max(cuts, key=lambda one: (one.memory_mib, one.disk_mib, one.cpu_count))
