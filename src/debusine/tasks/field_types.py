# SPDX-License-Identifier: GPL-3.0-or-later
"""Types of fields of pydantic models, and their limits, in words."""

from __future__ import annotations

import inspect
import types
from collections.abc import Iterable, Iterator
from datetime import datetime
from enum import Enum
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, GroupedMetadata, Gt, Le, Lt, MaxLen, MinLen
from pydantic import AnyUrl, BaseModel, SecretStr

from debusine.domain.category import ArtifactCategory, CollectionCategory
from debusine.domain.lookup import LookupMultiple

_NAMES: dict[Any, str] = {
    str: "text",
    int: "number",
    float: "number",
    bool: "true or false",
    Any: "anything",
    datetime: "moment",
    AnyUrl: "URL",
    SecretStr: "text",
    ArtifactCategory: "text",
    CollectionCategory: "text",
    LookupMultiple: "lookups",
}
_LOOKUP = frozenset({int, str})


def members(annotation: Any) -> list[Any]:
    """Members of a union, without None; the type itself if it is none."""
    if get_origin(annotation) is Annotated:
        return members(get_args(annotation)[0])
    if get_origin(annotation) in {Union, types.UnionType}:
        return [m for part in get_args(annotation) if part is not type(None) for m in members(part)]
    return [annotation]


def inner_models(annotation: Any) -> tuple[list[type[BaseModel]], str]:
    """
    The models in a field, and how to write the way to their fields.

    :returns: the alternatives; empty if something else may stand there, too

    >>> inner_models(list[int])
    ([], '[]')
    """
    found = members(annotation)
    if len(found) == 1:
        origin, arguments = get_origin(found[0]), get_args(found[0])
        if origin is list:
            return inner_models(arguments[0])[0], "[]"
        if origin is dict:
            return inner_models(arguments[1])[0], ".NAME"
    models = [member for member in found if _is_model(member)]
    return (models if len(models) == len(found) else []), ""


def _is_model(member: Any) -> bool:
    return inspect.isclass(member) and issubclass(member, BaseModel) and member not in _NAMES


def type_name(annotation: Any) -> str:
    """
    A type in words.

    >>> type_name(list[str] | None)
    'list of text, or null'
    """
    found = members(annotation)
    words = ["lookup"] if set(found) == _LOOKUP else [_one_name(member) for member in found]
    allows_none = type(None) in get_args(annotation)
    return " or ".join(dict.fromkeys(words)) + (", or null" if allows_none else "")


def _one_name(member: Any) -> str:
    origin, arguments = get_origin(member), get_args(member)
    if member in _NAMES:
        return _NAMES[member]
    if origin is list:
        return f"list of {type_name(arguments[0])}"
    if origin is dict:
        return f"mapping of {type_name(arguments[0])} to {type_name(arguments[1])}"
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in arguments)
    if inspect.isclass(member) and issubclass(member, Enum):
        return ", ".join(f"`{value.value}`" if value.value else "empty" for value in member)
    return "mapping"


def limits(annotation: Any, metadata: Iterable[Any] = ()) -> list[str]:
    """
    What a value must keep to beyond its type, each in words.

    :param metadata: of the field itself, as pydantic has it

    >>> limits(list[Annotated[str, MinLen(2)]], [MaxLen(3)])
    ['at most 3 entries', 'each: at least 2 characters']
    """
    return list(dict.fromkeys(_limits(annotation, metadata)))


def _limits(annotation: Any, metadata: Iterable[Any]) -> Iterator[str]:
    if get_origin(annotation) is Annotated:
        annotation, *more = get_args(annotation)
        metadata = [*metadata, *more]
    # a text has characters, and everything else that has a length has entries
    unit = "characters" if str in members(annotation) else "entries"
    for item in _single(metadata):
        if (said := _limit(item, unit)) is not None:
            yield said
    if get_origin(annotation) in {Union, types.UnionType}:
        for part in get_args(annotation):
            yield from _limits(part, ())
    elif get_origin(annotation) in {list, dict}:
        yield from (f"each: {said}" for said in _limits(get_args(annotation)[-1], ()))


def _single(metadata: Iterable[Any]) -> Iterator[Any]:
    for item in metadata:
        if isinstance(item, GroupedMetadata):
            yield from _single(item)
        else:
            yield item


def _limit(item: object, unit: str) -> str | None:
    match item:
        case MinLen(min_length=length):
            said = "not empty" if length == 1 else f"at least {length} {unit}"
        case MaxLen(max_length=length):
            said = f"at most {length} {unit}"
        case Ge(ge=bound):
            said = f"at least {bound}"
        case Gt(gt=bound):
            said = f"more than {bound}"
        case Le(le=bound):
            said = f"at most {bound}"
        case Lt(lt=bound):
            said = f"less than {bound}"
        case _:
            pattern = getattr(item, "pattern", None)
            return None if pattern is None else f"matches `{getattr(pattern, 'pattern', pattern)}`"
    return said
