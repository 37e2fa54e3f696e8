# SPDX-License-Identifier: GPL-3.0-or-later
"""``debusine:test``, for tests only."""

from __future__ import annotations

from debusine.artifacts.base import ArtifactData, ArtifactKind
from debusine.domain.category import ArtifactCategory


class TestData(ArtifactData):
    """Nothing."""

    __test__ = False


class Test(ArtifactKind[TestData]):
    """An artifact with any files and no meaning."""

    __test__ = False
    category = ArtifactCategory("debusine:test")
    title = "Test artifact"
    icon = "cone-striped"
