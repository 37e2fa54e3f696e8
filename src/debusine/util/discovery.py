# SPDX-License-Identifier: GPL-3.0-or-later
"""Import every module of a folder, once: the folder is the registry."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from types import ModuleType


@cache
def load_all(package: str) -> tuple[ModuleType, ...]:
    """
    Import every module directly in a package.

    :param package: dotted name of a package, e.g. ``debusine.tasks.kinds``
    :returns: the modules in order of their names; ``base`` modules are included
    """
    root = importlib.import_module(package)
    names = sorted(info.name for info in pkgutil.iter_modules(root.__path__))
    return tuple(importlib.import_module(f"{package}.{name}") for name in names)
