# SPDX-License-Identifier: GPL-3.0-or-later
"""Events: what happened, in an order that readers can resume from."""

from __future__ import annotations

from pydantic import Field

from debusine.wire.base import JsonObject, Timestamp, WireModel


class Event(WireModel):
    """
    Something that happened.

    :param cursor: reading after it begins with the next event
    :param kind: such as `work_request.completed`; there may be new ones
    :param created_at: when it happened
    :param scope: of the workspace
    :param workspace: in which it happened
    :param work_request: that it is about; it may be gone
    :param data: more about it, by `kind`
    """

    cursor: str
    kind: str
    created_at: Timestamp
    scope: str
    workspace: str
    work_request: int | None = None
    data: JsonObject = Field(default_factory=dict)


class EventPage(WireModel):
    """
    Events after a cursor, in their order.

    :param cursor: to go on reading with, also if there is no event here
    :param more: whether there is more to read already
    """

    cursor: str
    more: bool = False
    results: list[Event] = Field(default_factory=list)
