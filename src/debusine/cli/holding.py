# SPDX-License-Identifier: GPL-3.0-or-later
"""Environments that are kept, in words."""

from __future__ import annotations

from debusine.client.hold import Holds
from debusine.domain.hold import HoldState
from debusine.wire.hold import HoldRecord


def hold_text(record: HoldRecord) -> str | None:
    """
    Say what is known, and how to look at what is kept: a sentence without its end.

    :returns: None if nobody wanted anything to be kept

    >>> hold_text(HoldRecord(work_request=5, state=HoldState.HELD, text="it is kept"))
    'it is kept: debusine attach 5'
    """
    if record.state is HoldState.NONE:
        return None
    if record.state is HoldState.HELD:
        return f"{record.text}: debusine attach {record.work_request}"
    return record.text


def kept_text(holds: Holds, work_request_id: int) -> str | None:
    """Say how to look at what is kept of a request; None if nothing is."""
    record = holds.get(work_request_id)
    return hold_text(record) if record.state is HoldState.HELD else None
