# SPDX-License-Identifier: GPL-3.0-or-later
"""Wait for what other threads and processes do."""

from __future__ import annotations

import faulthandler
import time
from collections.abc import Callable
from typing import TypeVar

# longer than anything takes on the busiest machine, shorter than the time limit of a test
PATIENCE_S = 60.0
_PAUSE_S = 0.01

T = TypeVar("T")


def wait_for(
    condition: Callable[[], T | None],
    *,
    timeout_s: float = PATIENCE_S,
    instead: Callable[[], object] | None = None,
) -> T:
    """
    Wait until something is true.

    :param timeout_s: when to give up; no measure of how fast something is
    :param instead: says what there is, for who reads that it never became true
    :returns: what it became
    :raises TimeoutError: if that takes too long

    >>> wait_for(iter([0, 0, 7]).__next__)
    7
    >>> wait_for(lambda: False, timeout_s=0, instead=lambda: "nothing moves")
    Traceback (most recent call last):
    ...
    TimeoutError: not within 0 s: nothing moves
    """
    deadline = time.monotonic() + timeout_s
    while not (value := condition()):
        if time.monotonic() >= deadline:
            found = condition if instead is None else instead()
            message = f"not within {timeout_s:g} s: {found}"
            # what every thread does instead; pytest shows it with what failed
            faulthandler.dump_traceback()
            raise TimeoutError(message)
        time.sleep(_PAUSE_S)
    return value
