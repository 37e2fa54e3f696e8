# SPDX-License-Identifier: GPL-3.0-or-later
"""``debian:environments``: tarballs and images that tasks run in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from typing_extensions import override

from debusine.artifacts.kinds.system_image import SystemImage
from debusine.artifacts.kinds.system_tarball import SystemTarball
from debusine.db.models import Artifact, Collection, CollectionItem
from debusine.domain.lookup import Segment
from debusine.server.collections.base import (
    CollectionKind,
    ItemAdditionError,
    NewItem,
    active_items,
)

_FORMATS = {SystemTarball.category: "tarball", SystemImage.category: "image"}
_KEYS = ("codename", "architecture", "variant", "backend")


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
        items = active_items(collection).exclude(artifact=None)
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
        categories = [
            category for category, name in _FORMATS.items() if name == wanted.get("format")
        ]
        if categories:
            items = items.filter(category__in=categories)
        return items.order_by("-created_at", "-id").first()

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
        texts = [_FORMATS[artifact.category], *(str(data[key] or "") for key in _KEYS)]  # type: ignore[index]  # checked above
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
