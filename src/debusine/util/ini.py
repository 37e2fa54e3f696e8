# SPDX-License-Identifier: GPL-3.0-or-later
"""
Change one section of an ini file and leave every other byte as it is.

:mod:`configparser` loses comments when it writes; these functions work on lines.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_HEADER = re.compile(r"^\s*\[(?P<name>[^]]+)\]")


def set_section(text: str, name: str, values: Mapping[str, str]) -> str:
    r"""
    Write a section: in place if there is one of the name, else at the end.

    >>> print(set_section("# mine\n[a]\nx = 1\n", "b", {"y": "2"}), end="")
    # mine
    [a]
    x = 1
    <BLANKLINE>
    [b]
    y = 2
    """
    block = [f"[{name}]", *(f"{key} = {value}" for key, value in values.items())]
    lines = text.splitlines()
    span = _span(lines, name)
    if span is None:
        gap = [""] if lines and lines[-1].strip() else []
        return "\n".join([*lines, *gap, *block]) + "\n"
    start, end = span
    gap = [""] if end < len(lines) else []
    return "\n".join([*lines[:start], *block, *gap, *lines[end:]]) + "\n"


def remove_section(text: str, name: str) -> str:
    r"""
    Leave a section out.

    >>> remove_section("[a]\nx = 1\n\n[b]\ny = 2\n", "a")
    '[b]\ny = 2\n'
    """
    lines = text.splitlines()
    span = _span(lines, name)
    if span is None:
        return text
    start, end = span
    rest = lines[:start] + lines[end:]
    while rest and not rest[-1].strip():
        rest.pop()
    return "\n".join(rest) + "\n" if rest else ""


def _span(lines: list[str], name: str) -> tuple[int, int] | None:
    """First line of a section and the line after its last."""
    headers = [
        (number, match["name"].strip())
        for number, line in enumerate(lines)
        if (match := _HEADER.match(line))
    ]
    for position, (number, found) in enumerate(headers):
        if found == name:
            following = headers[position + 1 :]
            return number, following[0][0] if following else len(lines)
    return None
