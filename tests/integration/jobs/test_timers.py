# SPDX-License-Identifier: GPL-3.0-or-later
"""Timers ring once, whoever looks, and again if they failed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any

import pytest
from django.db import connection, transaction

from debusine.db.models import Timer
from debusine.server import timer
from debusine.server.jobs import timers
from debusine.server.jobs.timers import ring_timers
from debusine.server.ticker import Ticker
from debusine.server.timer import cancel_timer, set_timer
from debusine.testing import factories
from debusine.testing.waiting import wait_for
from debusine.util.clock import SystemClock

NOW = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


class Bell(ModuleType):
    """A kind of timer that remembers when it rang; what it does is a row, too."""

    def __init__(self) -> None:
        super().__init__("debusine.server.timers.bell")
        self.answer: Callable[[], datetime | None] = lambda: None

    def ring(self, timer: Timer, *, now: datetime) -> datetime | None:
        factories.make_user(f"{timer.key}-{now:%H%M}-{timer.data.get('n', '')}")
        return self.answer()


@pytest.fixture
def bell(monkeypatch: pytest.MonkeyPatch) -> Bell:
    bell = Bell()
    monkeypatch.setattr(timers, "load_all", lambda package: (bell,))
    return bell


def rung() -> list[str]:
    return sorted(factories.User.objects.values_list("username", flat=True))


def test_nothing_due_is_one_query(db: None, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        assert ring_timers(NOW) is None
    set_timer("bell", 1, NOW + MINUTE)
    with django_assert_num_queries(1):
        assert ring_timers(NOW) == NOW + MINUTE


def test_due_timers_ring_once_in_their_order(db: None, bell: Bell) -> None:
    set_timer("bell", "late", NOW + MINUTE, data={"n": 2})
    set_timer("bell", "early", NOW)
    set_timer("bell", "moved", NOW)
    set_timer("bell", "moved", NOW + 5 * MINUTE)
    set_timer("bell", "cancelled", NOW)
    assert cancel_timer("bell", "cancelled")
    assert not cancel_timer("bell", "cancelled")
    assert ring_timers(NOW) == NOW + MINUTE
    assert rung() == ["early-0000-"]
    assert ring_timers(NOW + MINUTE) == NOW + 5 * MINUTE
    assert ring_timers(NOW + MINUTE) == NOW + 5 * MINUTE
    assert rung() == ["early-0000-", "late-0001-2"]


def test_timer_may_ask_to_ring_again(db: None, bell: Bell) -> None:
    set_timer("bell", "x", NOW, data={"n": 7})
    bell.answer = lambda: NOW + MINUTE
    assert ring_timers(NOW) == NOW + MINUTE
    bell.answer = lambda: None
    assert ring_timers(NOW + MINUTE) is None
    assert rung() == ["x-0000-7", "x-0001-7"]


def test_who_sets_it_anew_while_it_rings_knows_better(db: None, bell: Bell) -> None:
    set_timer("bell", "x", NOW)

    def set_meanwhile() -> datetime:
        set_timer("bell", "x", NOW + 2 * MINUTE)
        return NOW + MINUTE

    bell.answer = set_meanwhile
    assert ring_timers(NOW) == NOW + 2 * MINUTE


def test_failed_timer_changes_nothing_and_is_tried_again(db: None, bell: Bell) -> None:
    set_timer("bell", "x", NOW)
    set_timer("bell", "y", NOW)

    def fail() -> datetime | None:
        if not factories.User.objects.filter(username__startswith="y").exists():
            raise RuntimeError("no")
        return None

    bell.answer = fail
    assert ring_timers(NOW) == NOW + MINUTE
    assert rung() == ["y-0000-"]
    assert ring_timers(NOW + MINUTE) is None
    assert rung() == ["x-0001-", "y-0000-"]


def test_unknown_kind_waits_for_a_program_that_knows_it(db: None, bell: Bell) -> None:
    set_timer("gong", "x", NOW)
    assert ring_timers(NOW) == NOW + MINUTE
    assert Timer.objects.get().kind == "gong"


def test_several_processes_ring_each_timer_once(transactional_db: None, bell: Bell) -> None:
    for number in range(20):
        set_timer("bell", number, NOW)
    start = threading.Barrier(3)
    failures: list[BaseException] = []

    def look() -> None:
        try:
            start.wait()
            ring_timers(NOW)
        except BaseException as error:  # noqa: BLE001  threads keep what they raise to themselves
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=look) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(rung()) == 20
    assert not Timer.objects.exists()


@pytest.fixture
def ticking(transactional_db: None) -> Iterator[Callable[..., None]]:
    """Have a ticker whose sweeps are far apart, so that only timers wake it."""
    running: list[Ticker] = []

    def start(sweep: Callable[[], object]) -> None:
        ticker = Ticker(sweep, ring_timers, clock=SystemClock(), interval_s=3600)
        ticker.start()
        running.append(ticker)

    yield start
    for ticker in running:
        ticker.stop()


def test_ticker_wakes_for_a_timer_that_is_set_meanwhile(
    ticking: Callable[..., None], bell: Bell
) -> None:
    swept = threading.Event()
    ticking(swept.set)
    assert swept.wait(60)
    with transaction.atomic():
        set_timer("bell", "x", SystemClock().now() + timedelta(milliseconds=200))
        timer.CHANGED.clear()
    wait_for(rung)


def test_ticker_goes_on_after_a_failure(ticking: Callable[..., None], bell: Bell) -> None:
    def fail() -> None:
        raise RuntimeError("no")

    ticking(fail)
    set_timer("bell", "x", SystemClock().now())
    wait_for(rung)
