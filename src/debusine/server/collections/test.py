# SPDX-License-Identifier: GPL-3.0-or-later
"""``debusine:test``, for tests only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from typing_extensions import override

from debusine.artifacts.bare_data.test import TestBare
from debusine.artifacts.kinds.test import Test
from debusine.db.models import Artifact
from debusine.server.collections.base import CollectionKind, NewItem


class TestCollection(CollectionKind):
    """Holds what is made for tests, under names that are given."""

    __test__ = False
    category = "debusine:test"
    artifact_categories = frozenset({Test.category})
    bare_categories = frozenset({TestBare.category})

    @override
    def describe(self, artifact: Artifact, variables: Mapping[str, Any]) -> NewItem:
        if artifact.category not in self.artifact_categories:
            return super().describe(artifact, variables)
        return NewItem(name=str(variables.get("name", "")), data=variables)
