# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever happens in whatever order, the queue stays sound; see ``machine``."""

from __future__ import annotations

import pytest
from tests.properties.machine.run import run
from tests.properties.machine.world import Place

RUNS = 1000
PART = 100


@pytest.mark.parametrize("first", range(0, RUNS, PART))
def test_any_history_keeps_the_queue_sound(db: None, first: int) -> None:
    place = Place.make()
    for number in range(first, first + PART):
        run(number, place)
