# SPDX-License-Identifier: GPL-3.0-or-later
"""Read values at dotted paths in task data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from debusine.domain.lookup import LookupMultiple
from debusine.tasks.errors import TaskConfigError
from debusine.tasks.models import ExtraExternalRepository, ExtraSuiteRepository


@dataclass(frozen=True, kw_only=True, slots=True)
class ValueType:
    """
    What a value may be; a boolean never counts as a number.

    :param title: for people, with its article
    """

    title: str
    types: tuple[type, ...]

    def check(self, value: object, *, label: str) -> Any:
        """
        Check a value and return it.

        :param label: where it stands, for the message
        :raises TaskConfigError: if it has another type

        >>> TEXT.check("amd64", label="build_architecture")
        'amd64'
        """
        if isinstance(value, self.types) and not isinstance(value, bool):
            return value
        raise TaskConfigError(f"{label} is {value!r} instead of {self.title}")


TEXT = ValueType(title="a text", types=(str,))
LOOKUP_SINGLE = ValueType(title="an integer or a text", types=(int, str))
LOOKUP_MULTIPLE = ValueType(title="a list or a dictionary of lookups", types=(LookupMultiple,))
REPOSITORY = ValueType(title="a repository", types=(ExtraExternalRepository, ExtraSuiteRepository))
_LIST = ValueType(title="a list", types=(list, tuple))


def get_value(data: BaseModel, path: str) -> Any:
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


def check_list(value: object, expected: ValueType, *, label: str) -> list[Any]:
    """
    The items of a list, ``None`` is empty.

    :raises TaskConfigError: if it is something else, or an item is not as expected
    """
    items = [] if value is None else _LIST.check(value, label=label)
    return [expected.check(item, label=f"{label}[{index}]") for index, item in enumerate(items)]
