# SPDX-License-Identifier: GPL-3.0-or-later
"""``debian:environments``: tarballs and images that tasks run in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from typing_extensions import override

from debusine.artifacts.kinds.system_image import SystemImage
from debusine.artifacts.kinds.system_tarball import SystemTarball
from debusine.db.models import Artifact, Collection, CollectionItem
from debusine.db.prefix import begins
from debusine.domain.category import ArtifactCategory
from debusine.domain.lookup import Segment
from debusine.domain.rank import rank_of_time
from debusine.server.collections.base import (
    CollectionKind,
    ItemAdditionError,
    NewItem,
    active_items,
)

_FORMATS = {SystemTarball.category: "tarball", SystemImage.category: "image"}
_KEYS = ("codename", "architecture", "variant", "backend")
# what a lookup names from the left on is found by the index, what comes after by a look at rows
_INDEXED = ("codename", "architecture", "format", "backend", "variant")
_UNLISTED = "unlisted"
_CATEGORIES = {name: category for category, name in _FORMATS.items()}


class Environments(CollectionKind):
    """
    Items are named ``FORMAT:CODENAME:ARCHITECTURE[:VARIANT:BACKEND[:ORIGIN]]``.

    ``match:KEY=VALUE:...`` finds the newest item that fits; an empty value fits
    items that have none. Items that were added with ``default`` false are found by
    lookups that name their ``origin``, and by no others.
    """

    category = "debian:environments"
    artifact_categories = frozenset(_FORMATS)

    @override
    def find(self, collection: Collection, segment: Segment) -> CollectionItem | None:
        if segment.kind != "match":
            return super().find(collection, segment)
        wanted = dict(part.partition("=")[::2] for part in segment.value.split(":"))
        items = active_items(collection).filter(begins("key", _prefix(wanted)))
        for key in _KEYS:
            if key in wanted:
                items = items.filter(**{f"data__{key}": wanted[key] or None})
        match wanted.get("origin"):
            case None:
                items = items.filter(data__default__isnull=True)
            case "":
                items = items.filter(data__origin__isnull=True)
            case origin:
                items = items.filter(data__origin=origin)
        category = _CATEGORIES.get(wanted.get("format", ""))
        if category is not None:
            items = items.filter(category=category)
        return items.exclude(key="").order_by("-rank", "-id").first()

    @override
    def index(self, item: CollectionItem) -> None:
        if item.category in _FORMATS:
            known = {**item.data, "format": _FORMATS[ArtifactCategory(item.category)]}
            parts = [str(known.get(key) or "") for key in (*_INDEXED, "origin")]
            parts.append(_UNLISTED if item.data.get("default") is False else "")
            item.key = ":".join(parts)
            item.rank = rank_of_time(item.created_at)

    @override
    def describe(self, artifact: Artifact, variables: Mapping[str, Any]) -> NewItem:
        if artifact.category not in _FORMATS:
            return super().describe(artifact, variables)
        data: dict[str, Any] = {
            "codename": variables.get("codename") or artifact.data["codename"],
            "architecture": artifact.data["architecture"],
            "variant": variables.get("variant") or None,
            "backend": variables.get("backend") or None,
        }
        texts = [
            _FORMATS[ArtifactCategory(artifact.category)],
            *(str(data[key] or "") for key in _KEYS),
        ]
        if origin := variables.get("origin"):
            data["origin"] = origin
            texts.append(str(origin))
        elif data["variant"] is None and data["backend"] is None:
            texts = texts[:3]
        if any(":" in text or "/" in text for text in texts):
            raise ItemAdditionError(f"names of environments cannot hold ':' or '/': {texts}")
        if variables.get("default") is False:
            data["default"] = False
        return NewItem(name=":".join(texts), data=data)


def _prefix(wanted: Mapping[str, str]) -> str:
    """What the keys of items that fit begin with, as far as a lookup says it."""
    known: list[str] = []
    for key in _INDEXED:
        value = wanted.get(key)
        # other formats are none, and say nothing
        if value is None or (key == "format" and value not in _CATEGORIES):
            break
        known.append(f"{value}:")
    return "".join(known)
