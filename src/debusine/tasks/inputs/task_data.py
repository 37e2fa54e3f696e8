# SPDX-License-Identifier: GPL-3.0-or-later
"""Read values at dotted paths in task data."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel

from debusine.domain.lookup import LookupMultiple, LookupSingle
from debusine.tasks.errors import TaskConfigError

T = TypeVar("T")


def get_field(data: BaseModel, path: str) -> Any:
    """
    The value at a path; ``None`` if something on the way to it is.

    :param path: attribute names, joined by dots
    :raises TaskConfigError: if there is no such attribute
    """
    value: Any = data
    for name in path.split("."):
        if value is None:
            return None
        try:
            value = getattr(value, name)
        except AttributeError as error:
            raise TaskConfigError(f"{path} does not exist in the task data") from error
    return value


def expect(value: object, expected: type[T], *, label: str) -> T:
    """
    Check the type of a value.

    :param label: where it stands, for the message
    :raises TaskConfigError: if it has another type

    >>> expect("amd64", str, label="build_architecture")
    'amd64'
    """
    if isinstance(value, expected):
        return value
    raise TaskConfigError(f"{label} is {value!r} instead of {expected.__name__}")


def expect_list(value: object, *, label: str) -> list[Any]:
    """
    The items of a list, ``None`` is empty.

    :raises TaskConfigError: if it is something else
    """
    if value is None:
        return []
    if isinstance(value, (list, tuple)):
        return list(value)
    raise TaskConfigError(f"{label} is {value!r} instead of a list")


def expect_lookup(value: object, *, label: str) -> LookupSingle:
    """
    A single lookup.

    :raises TaskConfigError: if it is something else
    """
    if isinstance(value, (int, str)) and not isinstance(value, bool):
        return value
    raise TaskConfigError(f"{label} is {value!r} instead of an integer or a text")


def expect_lookup_multiple(value: object, *, label: str) -> LookupMultiple:
    """
    A multiple lookup.

    :raises TaskConfigError: if it is something else
    """
    return expect(value, LookupMultiple, label=label)
