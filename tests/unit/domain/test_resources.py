# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from debusine.domain.resources import (
    HOLD_AFTER,
    NOTHING,
    ONE_SLOT,
    Head,
    Offer,
    Resources,
    Room,
    Run,
    choose,
    largest,
    needed,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
FOUR = Offer(slots=4, memory_mib=8192, disk_mib=40960, cpu_count=8)


def memory(mib: int) -> Resources:
    return Resources(memory_mib=mib)


def head(pk: int, mib: int = 0, *, waits: timedelta = timedelta()) -> Head:
    return Head(place=pk, pk=pk, pending_at=NOW - waits, need=memory(mib))


def test_a_need_is_what_nearly_all_runs_took_and_some_more() -> None:
    runs = [Run(memory_mib=mib) for mib in (*range(901, 920), 9000)]
    # the largest of twenty does not count
    assert needed(runs).memory_mib == 2048
    assert needed(runs[-2:]).memory_mib == 12 * 1024


def test_what_was_not_measured_is_unknown() -> None:
    assert needed([Run(duration_s=10)]) == NOTHING
    # too short to tell
    assert needed([Run(duration_s=0, cpu_time_s=1)]) == NOTHING


def test_what_ran_out_gets_twice_as_much() -> None:
    runs = [*[Run(memory_mib=700)] * 19, Run(memory_mib=1024, ran_out=True)]
    assert needed(runs).memory_mib == 2048
    assert needed([Run(memory_mib=4096, ran_out=True)]).memory_mib == 8192


@pytest.mark.parametrize(
    ("used", "cpus"), [(0.3, 1), (1.05, 1), (1.5, 2), (3.9, 4), (5, 8), (500, 128)]
)
def test_processors_are_those_that_were_busy(used: float, cpus: int) -> None:
    assert needed([Run(duration_s=100, cpu_time_s=100 * used)]).cpu_count == cpus


@given(st.lists(st.integers(1, 1 << 20), min_size=1, max_size=20))
def test_needs_are_enough_for_nearly_all(sizes: list[int]) -> None:
    need = needed([Run(memory_mib=size, disk_mib=size) for size in sizes])
    short = [size for size in sizes if size > need.memory_mib or size > need.disk_mib]
    assert len(short) <= len(sizes) // 20


def test_there_are_few_different_needs() -> None:
    found = {needed([Run(memory_mib=mib)]).memory_mib for mib in range(1, 100_000, 7)}
    assert len(found) < 20


def test_who_says_nothing_is_not_limited() -> None:
    assert not ONE_SLOT.is_limited
    assert Room(offer=ONE_SLOT).fits(memory(1 << 30))
    assert Room(offer=ONE_SLOT).reserve(memory(4096)) == NOTHING


def test_without_a_history_slots_are_equal() -> None:
    room = Room(offer=FOUR)
    taken = []
    for _ in range(4):
        assert room.fits(NOTHING)
        taken.append(room.reserve(NOTHING))
        room = Room.left(FOUR, taken)
    assert taken == [Resources(memory_mib=2048, disk_mib=10240, cpu_count=2)] * 4
    assert not room.fits(NOTHING)


def test_processors_are_shared_more_freely_than_memory() -> None:
    busy = Room.left(FOUR, [Resources(cpu_count=7)])
    # its share would be two
    assert busy.reserve(NOTHING).cpu_count == 1
    assert not busy.fits(Resources(cpu_count=2))
    assert not Room.left(FOUR, [Resources(cpu_count=8)]).fits(NOTHING)
    # one that used one processor may be able to use two
    assert Room(offer=FOUR).reserve(Resources(cpu_count=1)).cpu_count == 2


def test_what_does_not_fit_is_passed_over() -> None:
    room = Room.left(FOUR, [memory(4096)])
    heads = [head(1, 6144), head(2, 4096), head(3, 1024)]
    assert choose(heads, room, worker=1, now=NOW) == heads[1]
    assert choose([], room, worker=1, now=NOW) is None
    # nothing that fits comes before it in the queue
    assert choose(heads[:1], room, worker=1, now=NOW) is None


def test_what_waits_long_is_passed_over_no_more() -> None:
    room = Room.left(FOUR, [memory(4096)])
    heads = [head(8, 6144, waits=HOLD_AFTER), head(9, 1024)]
    assert choose(heads, room, worker=8, now=NOW) is None
    # one worker that keeps itself free is enough at first
    assert choose(heads, room, worker=9, now=NOW) == heads[1]
    heads[0] = head(8, 6144, waits=4 * HOLD_AFTER)
    assert choose(heads, room, worker=9, now=NOW) is None
    # what comes before it goes before it
    first = head(1, 1024)
    assert choose([*heads, first], room, worker=9, now=NOW) == first
    # and what would never fit here holds nobody up
    heads[0] = head(8, 9000, waits=4 * HOLD_AFTER)
    assert choose(heads, room, worker=9, now=NOW) == heads[1]


def test_too_big_for_all_is_cut_to_the_largest() -> None:
    offers = [Offer(memory_mib=4096, cpu_count=16), Offer(memory_mib=8192, cpu_count=4)]
    need = Resources(memory_mib=16384, disk_mib=1024, cpu_count=8)
    cut = Resources(memory_mib=8192, disk_mib=1024, cpu_count=4)
    assert largest(offers, need) == cut
    assert largest(offers, cut) == cut
    assert largest([*offers, ONE_SLOT], need) == need
    assert largest([], need) == need


MINUTE = timedelta(minutes=1)


@dataclass
class Farm:
    """Workers that run requests of some minutes each, while small ones never end to come."""

    workers: int
    big: Head | None
    now: datetime = NOW
    started_small: int = 0
    started_big_at: datetime | None = None
    running: dict[int, list[tuple[datetime, Resources]]] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=lambda: iter(range(100, 1_000_000)))

    def __post_init__(self) -> None:
        self.running = {number: [] for number in range(1, self.workers + 1)}
        # they do not end all at once
        for number in self.running:
            for slot in range(4):
                end = self.now + MINUTE * (1 + (number * 5 + slot * 3) % 12)
                self.running[number].append((end, memory(2048)))

    def minute(self) -> None:
        self.now += MINUTE
        for number, tasks in self.running.items():
            tasks[:] = [task for task in tasks if task[0] > self.now]
            while len(tasks) < 4 and self._claim(number, tasks):
                pass

    def _claim(self, number: int, tasks: list[tuple[datetime, Resources]]) -> bool:
        pk = next(self.numbers)
        small = Head(place=pk, pk=pk, pending_at=self.now, need=memory(2048))
        heads = [small] if self.big is None else [self.big, small]
        room = Room.left(FOUR, (need for _, need in tasks))
        found = choose(heads, room, worker=number, now=self.now)
        if found is None:
            return False
        if found is self.big:
            self.big, self.started_big_at = None, self.now
        else:
            self.started_small += 1
        tasks.append((self.now + MINUTE * (10 + found.pk % 5), found.need))
        return True


@pytest.mark.parametrize("workers", [1, 2, 16])
def test_a_big_request_does_not_starve(workers: int) -> None:
    farm = Farm(workers=workers, big=head(7, 8192))
    for _ in range(60):
        farm.minute()
    assert farm.started_big_at is not None
    # until all workers keep themselves free, and the longest task there has ended
    assert farm.started_big_at - NOW <= 4 * HOLD_AFTER + 14 * MINUTE


def test_a_farm_goes_on_while_one_worker_keeps_itself_free() -> None:
    with_big = Farm(workers=16, big=head(7, 8192))
    without = Farm(workers=16, big=None)
    for _ in range(60):
        with_big.minute()
        without.minute()
    assert with_big.started_small > 0.9 * without.started_small
