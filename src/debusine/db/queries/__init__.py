# SPDX-License-Identifier: GPL-3.0-or-later
"""Named SQL beyond the ORM: one statement per file."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def named_query(name: str) -> str:
    """
    Read a statement.

    :param name: of its file, without the suffix
    """
    text = (files(__name__) / f"{name}.sql").read_text()
    return "\n".join(line for line in text.splitlines() if not line.startswith("--"))
