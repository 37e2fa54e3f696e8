# SPDX-License-Identifier: GPL-3.0-or-later
"""``debusine:test`` without files, for tests only."""

from __future__ import annotations

from pydantic import ConfigDict

from debusine.artifacts.bare_data.base import BareData, BareDataKind
from debusine.domain.category import BareDataCategory


class TestBareData(BareData):
    """Anything."""

    __test__ = False

    model_config = ConfigDict(extra="allow")


class TestBare(BareDataKind[TestBareData]):
    """An item with any data and no meaning."""

    __test__ = False
    category = BareDataCategory("debusine:test")
    title = "Test item"
