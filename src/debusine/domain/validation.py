# SPDX-License-Identifier: GPL-3.0-or-later
"""Messages of failed validations, sorted by field."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

NON_FIELD_ERRORS = "non_field_errors"


def messages_by_field(
    errors: Iterable[Mapping[str, Any]], *, skip: int = 0
) -> dict[str, list[str]]:
    """
    Sort pydantic's errors by the path of their field.

    :param errors: what ``ValidationError.errors()`` returns
    :param skip: leading elements of the location that are no field, such as ``body``
    :returns: lists of messages, by field; those that belong to no field stand under
        ``non_field_errors``

    >>> messages_by_field([{"loc": ("input", "source_artifact"), "msg": "Field required"}])
    {'input.source_artifact': ['Field required']}
    """
    found: dict[str, list[str]] = {}
    for error in errors:
        path = ".".join(str(part) for part in error["loc"][skip:]) or NON_FIELD_ERRORS
        found.setdefault(path, []).append(str(error["msg"]))
    return found


def lines_by_field(messages: Mapping[str, Iterable[str]]) -> list[str]:
    """
    One line per field, for people.

    :param messages: as :func:`messages_by_field` returns them

    >>> lines_by_field({"size": ["too small", "odd"]})
    ['size: too small, odd']
    """
    return [f"{path}: {', '.join(texts)}" for path, texts in messages.items()]
