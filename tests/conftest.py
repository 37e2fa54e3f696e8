# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds for every test; more of it stands in pyproject.toml and debusine.testing."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from typing import Any

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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """
    Say which tests stay together where several processes test, and which start first.

    Tests of a file are one group, unless they name another. Who may take longest starts
    first, so that in the end no process waits long for another.
    """
    longest: dict[str, float] = {}
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(item.path.stem))
        longest[group(item)] = max(longest.get(group(item), 0), time_limit_s(item))
    items.sort(key=lambda item: -longest[group(item)])


def group(item: pytest.Item) -> str:
    """What a test is in, as one that stays together."""
    return str(argument(next(item.iter_markers("xdist_group")), "name"))


def time_limit_s(item: pytest.Item) -> float:
    """How long a test may take, if it needs longer than others."""
    mark = item.get_closest_marker("timeout")
    return 0 if mark is None else float(argument(mark, "timeout") or 0)


def argument(mark: pytest.Mark, name: str) -> Any:
    """The first argument of a marker, which may be given by its name."""
    return mark.args[0] if mark.args else mark.kwargs.get(name)


@pytest.fixture
def _task_names() -> Iterator[None]:
    """Task classes that a test makes vanish with it."""
    with task_names_restored():
        yield
