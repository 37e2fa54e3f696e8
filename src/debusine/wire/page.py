# SPDX-License-Identifier: GPL-3.0-or-later
"""Pagination: ``next`` and ``previous`` are absolute URLs."""

from __future__ import annotations

from typing import Generic, TypeVar

from debusine.wire.base import WireModel

Item = TypeVar("Item")


class Page(WireModel, Generic[Item]):
    """One page of a listing by page numbers."""

    count: int
    next: str | None = None
    previous: str | None = None
    results: list[Item]


class CursorPage(WireModel, Generic[Item]):
    """One page of a listing by cursor; it has no count."""

    next: str | None = None
    previous: str | None = None
    results: list[Item]
