# SPDX-License-Identifier: GPL-3.0-or-later
"""A clock that a test sets."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class FakeClock:
    """
    A clock that stands still until it is told otherwise.

    >>> clock = FakeClock()
    >>> clock.advance(1.5)
    >>> clock.now().isoformat(), clock.monotonic()
    ('2026-01-01T00:00:01.500000+00:00', 1.5)
    """

    def __init__(self, now: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self._now = now
        self._monotonic = 0.0

    def now(self) -> datetime:
        """Wall clock time, aware, in UTC."""
        return self._now

    def monotonic(self) -> float:
        """Seconds since the clock was made."""
        return self._monotonic

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._now += timedelta(seconds=seconds)
        self._monotonic += seconds

    def jump(self, delta: timedelta) -> None:
        """Set the wall clock, as an administrator does; no time passes."""
        self._now += delta
