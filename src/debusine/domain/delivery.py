# SPDX-License-Identifier: GPL-3.0-or-later
"""When what could not be delivered is tried again, and when that is given up."""

from __future__ import annotations

from datetime import datetime, timedelta
from http import HTTPStatus

# those that the Standard Webhooks specification proposes
PAUSES = tuple(
    timedelta(seconds=seconds)
    for seconds in (5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400)
)
GIVE_UP_RECEIVER_AFTER = timedelta(days=5)


def next_try(tries: int, *, now: datetime) -> datetime | None:
    """
    When to try again what has failed.

    :param tries: so far, at least 1
    :returns: None if it has been tried often enough

    >>> now = datetime(2026, 1, 1)
    >>> next_try(1, now=now) - now, next_try(len(PAUSES) + 1, now=now)
    (datetime.timedelta(seconds=5), None)
    """
    return now + PAUSES[tries - 1] if tries <= len(PAUSES) else None


def why_disable(status: int | None, *, failing_since: datetime, now: datetime) -> str | None:
    """
    Say why a receiver is to get nothing more, after another failure; None if it is to.

    :param status: of its answer

    >>> why_disable(410, failing_since=datetime(2026, 1, 1), now=datetime(2026, 1, 1))
    'the receiver answered 410 Gone'
    """
    if status == HTTPStatus.GONE:
        return "the receiver answered 410 Gone"
    if now - failing_since >= GIVE_UP_RECEIVER_AFTER:
        return f"nothing could be delivered since {failing_since:%Y-%m-%d %H:%M} UTC"
    return None
