# SPDX-License-Identifier: GPL-3.0-or-later
"""Collections on the wire."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from debusine.wire.base import JsonObject, Links, WireModel

MAX_DAYS = 366_000

Days = Annotated[int, Field(ge=0, le=MAX_DAYS)]


class CollectionStatistics(WireModel):
    """How many items of one kind a collection holds; ``active`` ones are not removed."""

    type: Literal["bare", "artifact", "collection"]
    category: str
    active: bool
    count: int


class Collection(WireModel):
    """A collection; its periods are in days, ``stats`` is null unless asked for."""

    links: Links = Field(default_factory=dict)
    id: int
    category: str
    name: str
    full_history_retention_period: int | None = None
    metadata_only_retention_period: int | None = None
    data: JsonObject
    stats: list[CollectionStatistics] | None = None


class CollectionCreate(WireModel):
    """
    A new collection.

    :param full_history_retention_period: days after which removed items lose their artifacts;
        null is never
    :param metadata_only_retention_period: days after that until nothing of them is left; null
        is never
    """

    category: str
    name: str
    full_history_retention_period: Days | None = None
    metadata_only_retention_period: Days | None = None
    data: JsonObject = Field(default_factory=dict)


class CollectionUpdate(WireModel):
    """
    What changes; what is not there stays as it is.

    :param category: cannot change, and may be said again
    """

    category: str | None = None
    name: str | None = None
    full_history_retention_period: Days | None = None
    metadata_only_retention_period: Days | None = None
    data: JsonObject | None = None
