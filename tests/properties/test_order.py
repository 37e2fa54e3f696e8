# SPDX-License-Identifier: GPL-3.0-or-later
"""The order of the queue, whatever priorities and times are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from debusine.domain.scheduling import PRIORITY_LIMIT, order_number


@given(
    old=st.datetimes(
        min_value=datetime(2020, 1, 1),  # noqa: DTZ001  hypothesis adds the zone
        max_value=datetime(2080, 1, 1),  # noqa: DTZ001  the same
        timezones=st.just(UTC),
    ),
    delta=st.timedeltas(min_value=timedelta(milliseconds=1), max_value=timedelta(days=7300)),
    priority=st.integers(-(10**7), 10**7),
)
def test_order_is_by_priority_then_age(old: datetime, delta: timedelta, priority: int) -> None:
    young = old + delta
    assert order_number(priority, old) < order_number(priority, young)
    if -PRIORITY_LIMIT <= priority < PRIORITY_LIMIT:
        assert order_number(priority + 1, young) < order_number(priority, old)
    assert -(2**63) <= order_number(priority, old) < 2**63
