# SPDX-License-Identifier: GPL-3.0-or-later
"""How one artifact relates to another."""

from __future__ import annotations

from enum import StrEnum


class RelationType(StrEnum):
    """A relation goes from an artifact to its target."""

    EXTENDS = "extends"
    RELATES_TO = "relates-to"
    BUILT_USING = "built-using"
