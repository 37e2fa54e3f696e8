# SPDX-License-Identifier: GPL-3.0-or-later
"""Collections on the wire."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from debusine.wire.base import JsonObject, Links, WireModel


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
