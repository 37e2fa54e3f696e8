# SPDX-License-Identifier: GPL-3.0-or-later
"""Which architectures there are, as dpkg's tables on this machine say."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from debian.debian_support import DpkgArchTable

# that of almost every architecture, so that it tells names from nonsense and wildcards
_EVERYTHING = "any-any-any-any"


@cache
def _table() -> DpkgArchTable | None:
    """Read dpkg's tables; other systems than Debian have none."""
    try:
        return DpkgArchTable.load_arch_table()
    except OSError:
        return None


def is_architecture(name: str) -> bool:
    """
    Whether dpkg knows an architecture; wildcards are none. Without dpkg, everything may be one.

    >>> is_architecture("amd64"), is_architecture("frob"), is_architecture("any")
    (True, False, False)
    """
    table = _table()
    return table is None or table.matches_architecture(name, _EVERYTHING)


def is_among(name: str, words: Iterable[str]) -> bool:
    """
    Whether an architecture is among those of a field Architecture, wildcards included.

    >>> is_among("amd64", ["linux-any"]), is_among("amd64", ["armhf", "kfreebsd-any"])
    (True, False)
    """
    table = _table()
    return table is None or any(table.matches_architecture(name, word) for word in words)
