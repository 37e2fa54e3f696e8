# SPDX-License-Identifier: GPL-3.0-or-later
"""Bases of everything on the wire."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainSerializer,
)


def to_wire_time(moment: datetime) -> str:
    """
    Write a moment the way clients expect it.

    >>> to_wire_time(datetime(2026, 1, 1, 12, tzinfo=UTC))
    '2026-01-01T12:00:00.000000Z'
    """
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _in_utc(moment: datetime) -> datetime:
    """
    Express a moment in UTC.

    :raises ValueError: if it lies outside of the years that can be written
    """
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        message = "this moment is too far away"
        raise ValueError(message) from error


Timestamp = Annotated[
    AwareDatetime, AfterValidator(_in_utc), PlainSerializer(to_wire_time, when_used="json")
]

_DURATION = re.compile(
    r"(?:(?P<days>\d{1,6}) )?(?:(?:(?P<hours>\d{1,9}):)?(?P<minutes>\d{1,9}):)?"
    r"(?P<seconds>\d{1,12}(?:\.\d{1,6})?)",
    re.ASCII,
)


def from_wire_duration(value: object) -> object:
    """
    Read a duration the way clients of 0.16 write it.

    :returns: the value itself if it has another form, for pydantic to read or refuse

    >>> from_wire_duration("7 00:00:10")
    datetime.timedelta(days=7, seconds=10)
    """
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return value
    return timedelta(**{unit: float(number or 0) for unit, number in match.groupdict().items()})


Duration = Annotated[timedelta, BeforeValidator(from_wire_duration)]

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
