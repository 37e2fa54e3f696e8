# SPDX-License-Identifier: GPL-3.0-or-later
"""Bases of everything on the wire."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, PlainSerializer


def to_wire_time(moment: datetime) -> str:
    """
    Write a moment the way clients expect it (spec/api.md 1.6).

    >>> to_wire_time(datetime(2026, 1, 1, 12, tzinfo=UTC))
    '2026-01-01T12:00:00.000000Z'
    """
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


Timestamp = Annotated[AwareDatetime, PlainSerializer(to_wire_time, when_used="json")]

JsonObject = dict[str, Any]


class WireModel(BaseModel):
    """A record both ends share; unknown keys are ignored, as clients send whole records back."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class StrictWireModel(BaseModel):
    """A record where an unknown key is an error: work request creation, results."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Link(WireModel):
    """A link that names the type of what it points to."""

    href: str
    type: str


Links = dict[str, str | Link]
