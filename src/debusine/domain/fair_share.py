# SPDX-License-Identifier: GPL-3.0-or-later
"""
Who has had more of the workers than others comes later, within bounds.

What somebody has had, in seconds of slots, fades with time. It is compared with what is
common among those who were active last, each by their weight. A second too much is a
second later in the queue, up to a limit, so that in the end age wins. Among equals nobody moves.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

# what a request is taken to cost while it waits; what it really took is charged when it ends
EXPECTED_S = 10.0
# those who differ by less are equals
TOLERANCE_S = 60.0
# one attempt costs no more, whatever the clock did meanwhile
MOST_S = 7 * 86400.0
MIN_WEIGHT = 0.001
MAX_WEIGHT = 1000.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Used:
    """
    What somebody has had.

    :param used_s: seconds of slots, as they counted at ``updated_s``
    :param updated_s: seconds since 1970
    :param weight: who has twice the weight may have twice as much
    """

    used_s: float = 0.0
    updated_s: float = 0.0
    weight: float = 1.0


def faded(used: Used, *, now_s: float, half_life_s: float) -> float:
    """
    What still counts of it.

    >>> faded(Used(used_s=80.0, updated_s=0.0), now_s=30.0, half_life_s=10.0)
    10.0
    """
    age_s = max(0.0, now_s - used.updated_s)
    # more than enough halves; databases refuse what becomes too small for a number
    return used.used_s * math.pow(0.5, min(age_s / half_life_s, 200.0))


def lateness(
    own: Used, others: Iterable[Used], *, now_s: float, half_life: timedelta, limit: timedelta
) -> timedelta:
    """
    How much later somebody's request comes than its age says; negative: earlier.

    :param others: those who were active last, without ``own``
    :param limit: no request is moved by more, in either direction

    >>> day, hours = timedelta(days=1), timedelta(hours=6)
    >>> lateness(Used(used_s=9e9), [], now_s=0.0, half_life=day, limit=hours)
    datetime.timedelta(0)
    >>> lateness(Used(used_s=9e9), [Used()], now_s=0.0, half_life=day, limit=hours)
    datetime.timedelta(seconds=21600)
    """
    half_life_s = half_life.total_seconds()
    mine = faded(own, now_s=now_s, half_life_s=half_life_s)
    total, weights = mine, own.weight
    for one in others:
        total += faded(one, now_s=now_s, half_life_s=half_life_s)
        weights += one.weight
    excess_s = mine / own.weight - total / weights
    if abs(excess_s) <= TOLERANCE_S:
        return timedelta()
    most_s = limit.total_seconds()
    beyond_s = excess_s - TOLERANCE_S if excess_s > 0 else excess_s + TOLERANCE_S
    return timedelta(seconds=round(max(-most_s, min(most_s, beyond_s))))


def charge(*, duration_s: float, is_first: bool) -> float:
    """
    What is charged when an attempt ends.

    :param is_first: whether what it was expected to cost was charged before

    >>> charge(duration_s=60.0, is_first=True), charge(duration_s=0.1, is_first=True)
    (50.0, 0.0)
    """
    bounded = max(0.0, min(MOST_S, duration_s))
    return max(0.0, bounded - EXPECTED_S) if is_first else bounded
