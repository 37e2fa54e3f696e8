# SPDX-License-Identifier: GPL-3.0-or-later
"""Where bytes lie: one file per store."""

from __future__ import annotations

from django.conf import settings

from debusine.server.full_disk import NoSpaceError
from debusine.server.stores.base import (
    EMPTY,
    Content,
    ContentMismatchError,
    Store,
)
from debusine.server.stores.local import LocalStore

__all__ = [
    "EMPTY",
    "Content",
    "ContentMismatchError",
    "NoSpaceError",
    "Store",
    "default_store",
]


def default_store() -> Store:
    """The store of this server: a directory below its data directory."""
    return LocalStore(settings.DEBUSINE.store_dir)
