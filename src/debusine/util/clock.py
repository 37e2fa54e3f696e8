# SPDX-License-Identifier: GPL-3.0-or-later
"""Time as an argument, so that tests own it."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Where a caller gets the time from."""

    def now(self) -> datetime:
        """Wall clock time, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back, for durations."""
        ...


class SystemClock:
    """The clock of this machine."""

    def now(self) -> datetime:
        """Wall clock time, aware, in UTC."""
        return datetime.now(UTC)  # noqa: TID251  the one place

    def monotonic(self) -> float:
        """Seconds that never go back, for durations."""
        return time.monotonic()
