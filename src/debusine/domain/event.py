# SPDX-License-Identifier: GPL-3.0-or-later
"""What can happen, and which listeners show what."""

from __future__ import annotations

import re
from enum import StrEnum

from debusine.domain.result import WorkRequestResults
from debusine.domain.work_request import UNSUCCESSFUL, WorkRequestStatus

_CURSOR = re.compile("[0-9]{1,18}")


class EventKind(StrEnum):
    """What happened."""

    COMPLETED = "work_request.completed"
    """A request has a result."""
    ABORTED = "work_request.aborted"
    """A request was stopped."""
    SUPERSEDED = "work_request.superseded"
    """A request was tried again: another one takes its place."""
    EXPIRED = "work_request.expired"
    """A request was removed, as its time was over."""


TOLD_TO_ON_COMPLETED = frozenset({WorkRequestResults.SUCCESS, *UNSUCCESSFUL})
"""Results that listeners of completions are told, as clients of 0.16 know them: not skipped."""


def kind_of_end(status: WorkRequestStatus) -> EventKind:
    """
    What a request that has ended as it has is an event of.

    >>> kind_of_end(WorkRequestStatus.ABORTED).value
    'work_request.aborted'
    """
    return EventKind.ABORTED if status is WorkRequestStatus.ABORTED else EventKind.COMPLETED


def is_told_to_on_completed(kind: str, result: str) -> bool:
    """
    Whether the feed of completions, that clients of 0.16 know, shows an event.

    >>> is_told_to_on_completed("work_request.completed", "skipped")
    False
    """
    return kind == EventKind.COMPLETED and result in TOLD_TO_ON_COMPLETED


def parse_cursor(text: str) -> int | None:
    """
    Read a cursor; None if it cannot be one.

    >>> parse_cursor("12"), parse_cursor("soon")
    (12, None)
    """
    return int(text) if _CURSOR.fullmatch(text) else None
