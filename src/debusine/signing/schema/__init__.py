# SPDX-License-Identifier: GPL-3.0-or-later
"""
The tables of the signing service: one file per kind of database and version.

Files that have landed never change; the next version is a file of its own.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

_NAME = re.compile(r"(?P<kind>[a-z]+)_(?P<version>\d{4})\.sql")


@cache
def schema_steps(kind: str) -> tuple[tuple[int, str], ...]:
    """
    Statements that make the tables.

    :param kind: ``sqlite`` or ``postgresql``
    :returns: version and statements, oldest first; each builds on those before it
    """
    found = []
    for file in files(__name__).iterdir():
        match = _NAME.fullmatch(file.name)
        if match is not None and match["kind"] == kind:
            found.append((int(match["version"]), file.read_text()))
    return tuple(sorted(found))
