# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of JSONPath that names exactly one value: ``$.deb_fields['Section']``, ``$.list[0]``."""

from __future__ import annotations

import re
from typing import Any

from debusine.errors import UserError

_STEP = re.compile(r"\.(?P<name>[\w-]+)|\['(?P<quoted>[^']*)'\]|\[(?P<index>\d{1,9})\]")


def find_value(path: str, document: Any) -> Any:
    """
    Find the value a path names; the leading ``$`` may be left out.

    :raises UserError: if the path is malformed, or there is nothing

    >>> find_value("$.a[1]['b c']", {"a": [0, {"b c": 5}]})
    5
    """
    rest = path.removeprefix("$")
    if rest and rest[0] not in ".[":
        rest = f".{rest}"
    value = document
    while rest:
        step = _STEP.match(rest)
        if step is None:
            raise UserError(f"cannot read JSON path {path!r} from {rest!r} on")
        key: str | int = (
            int(step["index"])
            if step["index"] is not None
            else step["quoted"]
            if step["name"] is None
            else step["name"]
        )
        try:
            value = value[key]
        except (KeyError, IndexError, TypeError) as exc:
            raise UserError(f"JSON path {path!r} finds nothing at {key!r}") from exc
        rest = rest[step.end() :]
    return value
