# SPDX-License-Identifier: GPL-3.0-or-later
"""Who has had much comes later; the simulations are those of a small farm."""

from __future__ import annotations

import heapq
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from debusine.domain.fair_share import EXPECTED_S, Used, charge, faded, lateness
from debusine.domain.scheduling import order_number

START = datetime(2026, 1, 1, tzinfo=UTC)
HALF_LIFE = timedelta(days=1)
LIMIT = timedelta(hours=6)
HOUR_S = 3600.0


def late(own: Used, *others: Used, now_s: float = 0.0) -> timedelta:
    return lateness(own, others, now_s=now_s, half_life=HALF_LIFE, limit=LIMIT)


@dataclass
class Farm:
    """Workers with one slot each that take whatever comes first."""

    slots: int = 2
    now_s: float = 0.0
    shares: dict[str, Used] = field(default_factory=dict)
    waiting: list[tuple[int, int, str, float]] = field(default_factory=list)
    busy: list[float] = field(default_factory=list)
    started: list[tuple[str, float]] = field(default_factory=list)

    def charge(self, user: str, cost_s: float) -> None:
        own = self.shares.get(user, Used())
        left = faded(own, now_s=self.now_s, half_life_s=HALF_LIFE.total_seconds())
        self.shares[user] = replace(own, used_s=left + cost_s, updated_s=self.now_s)

    def submit(self, user: str, duration_s: float) -> None:
        others = [used for name, used in self.shares.items() if name != user]
        moved = late(self.shares.get(user, Used()), *others, now_s=self.now_s)
        created_at = START + timedelta(seconds=self.now_s)
        place = order_number(0, created_at + moved)
        heapq.heappush(self.waiting, (place, len(self.waiting), user, duration_s))
        self.charge(user, EXPECTED_S)

    def run_until(self, end_s: float) -> None:
        """Whatever is charged at the end is charged at the start here: the same in the long run."""
        while True:
            while self.waiting and len(self.busy) < self.slots:
                _, _, user, duration_s = heapq.heappop(self.waiting)
                self.started.append((user, self.now_s))
                self.charge(user, charge(duration_s=duration_s, is_first=True))
                heapq.heappush(self.busy, self.now_s + duration_s)
            if not self.busy or self.busy[0] > end_s:
                self.now_s = end_s
                return
            self.now_s = heapq.heappop(self.busy)

    def wait_of(self, user: str, since_s: float) -> float:
        return next(at for name, at in self.started if name == user and at >= since_s) - since_s


def test_a_burst_does_not_starve_a_single_request() -> None:
    farm = Farm()
    for _ in range(10_000):
        farm.submit("many", 600.0)
    farm.run_until(300.0)
    farm.submit("one", 600.0)
    farm.run_until(5000.0)
    # the first slot that becomes free
    assert farm.wait_of("one", 300.0) <= 600.0


def test_a_burst_does_not_starve_one_who_has_had_something_before() -> None:
    farm = Farm()
    farm.submit("one", 60.0)
    farm.submit("many", 60.0)
    farm.run_until(1000.0)
    for _ in range(10_000):
        farm.submit("many", 600.0)
    farm.submit("one", 600.0)
    farm.run_until(5000.0)
    assert farm.wait_of("one", 1000.0) <= 600.0


def test_who_asks_for_little_gets_more_than_its_part_of_what_waits() -> None:
    """One asks for five times as much as the other, and both for more than there is."""
    farm = Farm(slots=4)
    had: Counter[str] = Counter()
    for step in range(300):
        for _ in range(20):
            farm.submit("many", 600.0)
        for _ in range(4):
            farm.submit("few", 600.0)
        farm.run_until(600.0 * (step + 1))
    for user, _ in farm.started:
        had[user] += 1
    # the plain order would give it a sixth
    assert had["few"] > 0.3 * (had["few"] + had["many"])


def test_age_wins_in_the_end() -> None:
    heavy, idle = Used(used_s=1e9), Used()
    before = order_number(0, START + late(heavy, idle))
    after = order_number(0, START + 2 * LIMIT + timedelta(seconds=1) + late(idle, heavy))
    assert before < after


def test_priority_is_above_fairness() -> None:
    heavy, idle = Used(used_s=1e9), Used()
    assert order_number(1, START + late(heavy, idle)) < order_number(0, START + late(idle, heavy))


def test_nobody_is_late_alone_or_among_equals() -> None:
    used = Used(used_s=12345.678, updated_s=17.3)
    assert late(used) == timedelta()
    assert late(used, used, used, now_s=1e5) == timedelta()
    assert late(Used(), Used(), Used()) == timedelta()


@given(
    used_s=st.floats(0, 1e12),
    age_s=st.floats(0, 1e7),
    others=st.integers(0, 99),
    weight=st.floats(0.001, 1000),
)
def test_equal_shares_are_the_plain_order(
    used_s: float, age_s: float, others: int, weight: float
) -> None:
    used = Used(used_s=used_s, updated_s=-age_s, weight=weight)
    assert late(used, *[used] * others) == timedelta()


def test_weights_say_who_may_have_more() -> None:
    double, single = Used(used_s=4 * HOUR_S, weight=2.0), Used(used_s=2 * HOUR_S)
    assert late(double, single) == late(single, double) == timedelta()
    assert late(replace(double, used_s=2 * HOUR_S), single) < timedelta()


def test_what_was_had_fades() -> None:
    heavy = Used(used_s=4 * HOUR_S)
    today = late(heavy, Used())
    tomorrow = late(heavy, Used(), now_s=86400.0)
    assert timedelta(minutes=50) < tomorrow < today < timedelta(hours=2, minutes=1)
    assert late(heavy, Used(), now_s=1e9) == timedelta()
    # a clock that was set back undoes nothing
    assert late(heavy, Used(), now_s=-1e9) == today


def test_nobody_is_moved_beyond_the_limit() -> None:
    assert late(Used(used_s=1e300), Used()) == LIMIT
    assert late(Used(), Used(used_s=1e300)) == -LIMIT


def test_a_charge_is_never_negative_and_never_endless() -> None:
    assert charge(duration_s=-5.0, is_first=False) == 0.0
    assert charge(duration_s=5.0, is_first=True) == 0.0
    assert charge(duration_s=5.0, is_first=False) == 5.0
    assert charge(duration_s=1e12, is_first=False) == 7 * 86400.0
