# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds for every test; more of it stands in pyproject.toml and debusine.testing."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from debusine.testing.inputs import task_names_restored

# on a busy machine anything may take long
settings.register_profile(
    "any-machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any-machine")

# a shell that starts us in the background has us ignore Ctrl-C, and all that we start;
# nohup does the same for the end of the terminal
for number, usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, usual)


@pytest.fixture
def _task_names() -> Iterator[None]:
    """Task classes that a test makes vanish with it."""
    with task_names_restored():
        yield
