# SPDX-License-Identifier: GPL-3.0-or-later
"""The programs of ``make bench`` run; what they measure is nobody's business here."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from debusine.util.command import run

BENCH = Path(__file__).parents[2] / "bench"

pytestmark = pytest.mark.real


@pytest.mark.parametrize(
    ("program", "options", "lines"),
    [
        ("server_costs.py", ["--rounds", "2"], 10),
        ("transfer_costs.py", ["--mib", "8", "--rounds", "1"], 4),
    ],
)
def test_costs(program: str, options: list[str], lines: int) -> None:
    done = run([sys.executable, str(BENCH / program), *options])
    assert len(done.stdout.splitlines()) >= lines
