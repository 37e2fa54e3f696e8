# SPDX-License-Identifier: GPL-3.0-or-later
"""The scope that an address names."""

from __future__ import annotations

from debusine.db.models import Scope
from debusine.errors import NotFoundError


def find_scope(name: str) -> Scope:
    """
    Find a scope by its name.

    :raises NotFoundError: if there is none
    """
    found = Scope.objects.filter(name=name).first()
    if found is None:
        raise NotFoundError("There is no such page")
    return found
