# SPDX-License-Identifier: GPL-3.0-or-later
"""``debusine:workflow-internal``: what the steps of one workflow give each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from typing_extensions import override

from debusine.artifacts.bare_data.base import check_bare_data
from debusine.artifacts.bare_data.promise import RESERVED, Promise
from debusine.db.models import Artifact
from debusine.domain.workflow import INTERNAL
from debusine.server.collections.base import (
    REPLACES_PLACEHOLDERS,
    CollectionKind,
    ItemAdditionError,
    NewItem,
)


class WorkflowInternal(CollectionKind):
    """Holds anything, under names that are given; an artifact takes the place of its promise."""

    category = INTERNAL
    replaces = REPLACES_PLACEHOLDERS

    @override
    def describe(self, artifact: Artifact, variables: Mapping[str, Any]) -> NewItem:
        del artifact
        return NewItem(name="", data=_unreserved(variables))

    @override
    def describe_bare(self, category: str, data: Mapping[str, Any]) -> NewItem:
        checked = check_bare_data(category, data)
        if category != Promise.category:
            _unreserved(checked)
        return NewItem(name="", data=checked)

    @override
    def check_name(self, name: str | None) -> None:
        if name is None:
            raise ItemAdditionError(f"items of {self.category} need a name")
        if "/" in name:
            raise ItemAdditionError(f"no lookup finds an item with '/' in its name: {name!r:.300}")


def _unreserved(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """
    Insist on what only promises may say being said by promises.

    :raises ItemAdditionError: if a key is theirs
    """
    reserved = sorted(key for key in data if key.startswith(RESERVED))
    if reserved:
        raise ItemAdditionError(f"only promises have {', '.join(reserved)}")
    return data
