# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the environment of a task is kept once it has ended, and for how long."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from debusine.domain.result import WorkRequestResults
from debusine.domain.work_request import UNSUCCESSFUL

MIN_DURATION = timedelta(minutes=1)
DEFAULT_DURATION = timedelta(minutes=30)
MAX_DURATION = timedelta(days=1)
"""Whatever servers and workers allow."""
MAX_TERMINALS = 4
"""In one environment at a time."""


_DURATION = re.compile(r"(\d{1,6})\s*(s|m|min|h|d)?", re.ASCII)
_UNIT_S = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}


def parse_hold_duration(text: str) -> timedelta | None:
    """
    Read a time as people write it; without a unit it is minutes.

    :returns: None if it is none, or not from a minute to a day

    >>> parse_hold_duration("90m"), parse_hold_duration("1 h"), parse_hold_duration("2d")
    (datetime.timedelta(seconds=5400), datetime.timedelta(seconds=3600), None)
    """
    found = _DURATION.fullmatch(text.strip())
    if found is None:
        return None
    duration = timedelta(seconds=int(found[1]) * _UNIT_S[found[2] or "m"])
    return duration if MIN_DURATION <= duration <= MAX_DURATION else None


class HoldCondition(StrEnum):
    """After which results an environment is kept."""

    FAILURE = "failure"
    ALWAYS = "always"

    def applies_to(self, result: WorkRequestResults) -> bool:
        """
        Whether it is kept after a result; errors are failures, too.

        >>> HoldCondition.FAILURE.applies_to(WorkRequestResults.ERROR)
        True
        >>> HoldCondition.FAILURE.applies_to(WorkRequestResults.SUCCESS)
        False
        """
        return self is HoldCondition.ALWAYS or result in UNSUCCESSFUL


class HoldState(StrEnum):
    """Where the wish to keep an environment stands."""

    NONE = "none"
    """Nobody wants it."""
    WANTED = "wanted"
    """It is kept once the task has ended as it was asked for."""
    HELD = "held"
    """It is there."""
    ENDED = "ended"
    """It is gone, or was never kept."""


@dataclass(frozen=True, kw_only=True, slots=True)
class HoldLimits:
    """
    What a worker allows.

    :param count: of environments at a time; 0: it keeps none
    :param duration: how long one is kept
    :param size_mib: what the files of one may take
    """

    count: int = 0
    duration: timedelta = timedelta(hours=8)
    size_mib: int = 4096

    @property
    def set_aside_mib(self) -> int:
        """What of the room for files is kept free for them."""
        return self.count * self.size_mib

    def refuse(self, size_bytes: int, *, kept: int) -> str | None:
        """
        Say why an environment is not kept; None if it is.

        :param size_bytes: of its files
        :param kept: how many environments are there already

        >>> HoldLimits(count=1).refuse(0, kept=1)
        'the worker keeps 1 environment already, which is its limit'
        >>> HoldLimits(count=1, size_mib=1).refuse(3 << 20, kept=0)
        'its files take 3 MiB, more than the 1 MiB that the worker allows'
        """
        if kept >= self.count:
            noun = "environment" if kept == 1 else "environments"
            return f"the worker keeps {kept} {noun} already, which is its limit"
        size_mib = size_bytes >> 20
        if size_mib > self.size_mib:
            return (
                f"its files take {size_mib} MiB,"
                f" more than the {self.size_mib} MiB that the worker allows"
            )
        return None

    def until(self, now: datetime, wanted: timedelta, *, begun: datetime) -> datetime:
        """
        Say until when an environment is kept.

        :param wanted: how long from now
        :param begun: since when it is kept
        """
        return min(now + wanted, begun + self.duration)
