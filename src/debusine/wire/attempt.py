# SPDX-License-Identifier: GPL-3.0-or-later
"""Attempts on the wire: an addition of ours to the API."""

from __future__ import annotations

from debusine.domain.result import Blame
from debusine.domain.retry import RetryClass
from debusine.wire.base import Timestamp, WireModel


class AttemptRecord(WireModel):
    """
    One try of a work request on one worker.

    :param number: from 1
    :param worker: name; null if it is not known any more
    :param started_at: when a worker got it
    :param ended_at: null while it runs
    :param outcome: a result, ``aborted`` or ``lost``; empty while it runs
    :param blame: whose fault it is; null if nobody's
    :param reason: why, for people
    :param failure: why it came to nothing, as far as that decides about the next one
    :param next_step: what came after it, for people
    """

    number: int
    worker: str | None = None
    started_at: Timestamp
    ended_at: Timestamp | None = None
    outcome: str = ""
    blame: Blame | None = None
    reason: str = ""
    failure: RetryClass | None = None
    next_step: str = ""
