# SPDX-License-Identifier: GPL-3.0-or-later
"""Lookups on the wire."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from debusine.wire.base import JsonObject, Links, WireModel


class LookupRequest(WireModel):
    """A question for one thing (``lookup`` an int or str) or several (list or dict)."""

    lookup: int | str | list[Any] | dict[str, Any]
    workspace: str
    expect_type: str
    default_category: str | None = None
    workflow_root: int | None = None


class NamedItem(WireModel):
    """An item of a collection."""

    name: str
    category: str
    data: JsonObject = Field(default_factory=dict)


class CollectionInfo(WireModel):
    """Which collection was found."""

    name: str
    category: str


class LookupResult(WireModel):
    """One thing that was found."""

    result_type: Literal["bare", "artifact", "collection"]
    collection_item: NamedItem | None = None
    parent_collection_lookup: str | None = None
    artifact: int | None = None
    collection: int | None = None
    collection_info: CollectionInfo | None = None
    links: Links = Field(default_factory=dict)
