# SPDX-License-Identifier: GPL-3.0-or-later
"""What a lookup found, as it goes over the wire."""

from __future__ import annotations

from debusine.server.lookup import Found
from debusine.server.views.artifact import artifact_path
from debusine.server.views.collection import api_path, item_api_path, web_path
from debusine.wire.base import Links
from debusine.wire.lookup import CollectionInfo, LookupResult, NamedItem


def view_found(found: Found) -> LookupResult:
    """Show what a lookup found; no query if what it found is loaded as lookups do."""
    item, collection = found.item, found.collection
    return LookupResult.model_validate(
        {
            "result_type": found.result_type.value,
            "collection_item": None
            if item is None
            else NamedItem(name=item.name, category=item.category, data=item.data),
            "parent_collection_lookup": found.parent,
            "artifact": None if found.artifact is None else found.artifact.pk,
            "collection": None if collection is None else collection.pk,
            "collection_info": None
            if collection is None
            else CollectionInfo(name=collection.name, category=collection.category),
            "links": _links(found),
        }
    )


def _links(found: Found) -> Links:
    links: Links = {}
    if found.artifact is not None:
        links["self"] = f"/api/1.0/artifact/{found.artifact.pk}/"
        links["webui_self"] = artifact_path(found.artifact)
    elif found.collection is not None:
        links["self"] = api_path(found.collection)
        links["webui_self"] = web_path(found.collection)
    elif found.item is not None:
        links["self"] = item_api_path(found.item)
    if found.item is not None:
        links["parent_collection"] = api_path(found.item.collection)
        links["webui_parent_collection"] = web_path(found.item.collection)
    return links
