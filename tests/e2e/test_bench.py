# SPDX-License-Identifier: GPL-3.0-or-later
"""The programs of ``make bench`` run; what they measure is nobody's business here."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from debusine.util.command import Command, run

BENCH = Path(__file__).parents[2] / "bench"

pytestmark = pytest.mark.real


@pytest.mark.parametrize(
    ("program", "options", "lines"),
    [
        ("server_costs.py", ["--rounds", "2"], 9),
        ("transfer_costs.py", ["--mib", "8", "--rounds", "1"], 4),
        ("queue_costs.py", ["--waiting", "200", "--rounds", "5"], 12),
        ("log_costs.py", ["--agents", "2", "--pieces", "5"], 6),
        ("agents_costs.py", ["--agents", "12", "--rounds", "2"], 6),
    ],
)
def test_costs(program: str, options: list[str], lines: int) -> None:
    done = run(Command([sys.executable, str(BENCH / program), *options], timeout_s=100))
    assert len(done.text.splitlines()) >= lines
