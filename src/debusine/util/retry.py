# SPDX-License-Identifier: GPL-3.0-or-later
"""Retry policies as values: how long to wait between attempts."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Backoff:
    """
    Pauses between attempts: each longer than the one before, up to a limit.

    :param first_s: upper bound of the first pause, in seconds
    :param factor: how much longer each pause is than the one before
    :param max_s: upper bound of all pauses, in seconds
    :param spread: share of a pause that is left to chance, from 0 to 1, so that
        many clients do not come back at once
    """

    first_s: float
    factor: float = 2.0
    max_s: float = 300.0
    spread: float = 0.5

    def pauses(self, chance: Callable[[], float] = random.random) -> Iterator[float]:
        """
        The pauses, in seconds, without end.

        :param chance: a number from 0 up to 1, drawn anew for each pause

        >>> from itertools import islice
        >>> list(islice(Backoff(first_s=1, max_s=5, spread=0).pauses(), 4))
        [1, 2.0, 4.0, 5]
        """
        bound = self.first_s
        while True:
            yield bound - bound * self.spread * chance() if self.spread else bound
            bound = min(bound * self.factor, self.max_s)
