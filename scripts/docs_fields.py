# SPDX-License-Identifier: GPL-3.0-or-later
"""
Tables of the fields of pydantic models.

What a field means is said by the model: as its description, or as ``:param`` in the
docstring of the class or of a base, or by the docstring of the model in the field.
Where there is none, the meaning that stands in the page is kept, so that people can
write it there.
"""

from __future__ import annotations

import inspect
import json
import re
import types
from collections.abc import Iterator, Mapping
from datetime import datetime
from enum import Enum
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import AnyUrl, BaseModel, SecretStr
from pydantic.fields import FieldInfo

from debusine.domain.category import ArtifactCategory, CollectionCategory
from debusine.domain.lookup import LookupMultiple

MISSING = "?"
_PARAM = re.compile(r":param (\w+):\s*(.*?)(?=\n\s*:|\n\s*\n|\Z)", re.DOTALL)
_ROW = re.compile(r"^\| `(?P<path>[^`]+)` \|.*\| (?P<meaning>[^|]*?) \|$", re.MULTILINE)
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


def meanings_of(table: str) -> dict[str, str]:
    """Meanings that stand in a table, by field."""
    return {match["path"]: match["meaning"] for match in _ROW.finditer(table)}


def field_table(model: type[BaseModel], *, written: Mapping[str, str], nested: bool) -> str:
    """
    Make a table with a row per field.

    :param written: meanings by field, for fields about which the model says nothing
    :param nested: with the fields of models in fields
    """
    rows = list(_rows(model, "", nested=nested))
    if not rows:
        return "There are no fields."
    lines = ["| field | type | default | meaning |", "|---|---|---|---|"]
    for path, kind, default, said in rows:
        meaning = _sentence(said or written.get(path, MISSING))
        lines.append(f"| `{path}` | {_cell(kind)} | {_cell(default)} | {_cell(meaning)} |")
    return "\n".join(lines)


def _rows(
    model: type[BaseModel], prefix: str, *, nested: bool
) -> Iterator[tuple[str, str, str, str]]:
    """Path, type, default, and what the model says, of each field."""
    said = _said(model)
    for name, field in model.model_fields.items():
        path = f"{prefix}{field.serialization_alias or field.alias or name}"
        inner, suffix = _inner_model(field.annotation)
        meaning = field.description or said.get(name) or _summary(inner)
        yield path, type_name(field.annotation), _default(field), meaning
        if nested and inner is not None:
            yield from _rows(inner, f"{path}{suffix}.", nested=nested)


def _said(model: type[BaseModel]) -> dict[str, str]:
    """``:param`` of the docstrings of a model and its bases; the nearest counts."""
    found: dict[str, str] = {}
    for cls in model.__mro__:
        if cls is not BaseModel and issubclass(cls, BaseModel):
            text = inspect.cleandoc(vars(cls).get("__doc__") or "")
            for name, meaning in _PARAM.findall(text):
                found.setdefault(name, re.sub(r"\s+", " ", meaning).strip())
    return found


def _summary(model: type[BaseModel] | None) -> str:
    """What a model in a field says of itself, unless that needs more than a line."""
    text = inspect.cleandoc(vars(model).get("__doc__") or "") if model else ""
    return text.partition("\n")[0]


def _members(annotation: Any) -> list[Any]:
    """Members of a union, without None; the type itself if it is none."""
    if get_origin(annotation) is Annotated:
        return _members(get_args(annotation)[0])
    if get_origin(annotation) in {Union, types.UnionType}:
        return [
            m for part in get_args(annotation) if part is not type(None) for m in _members(part)
        ]
    return [annotation]


def _inner_model(annotation: Any) -> tuple[type[BaseModel] | None, str]:
    """The one model in a field, and how to write the way to its fields."""
    members = _members(annotation)
    if len(members) != 1:
        return None, ""
    (member,) = members
    origin = get_origin(member)
    if origin is list:
        return _inner_model(get_args(member)[0])[0], "[]"
    if origin is dict:
        return _inner_model(get_args(member)[1])[0], ".NAME"
    is_model = inspect.isclass(member) and issubclass(member, BaseModel)
    return (member, "") if is_model and member is not LookupMultiple else (None, "")


def type_name(annotation: Any) -> str:
    """
    A type in words.

    >>> type_name(list[str] | None)
    'list of text, or null'
    """
    members = _members(annotation)
    words = ["lookup"] if set(members) == _LOOKUP else [_one_name(member) for member in members]
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


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True, validated_data={})
    if isinstance(value, LookupMultiple):
        return "`[]`"
    if isinstance(value, BaseModel):
        return "as below"
    return f"`{json.dumps(value, default=str)}`"


def _sentence(text: str) -> str:
    """Turn reST into Markdown, as far as docstrings use it."""
    text = re.sub(r":\w+:`~?([^`]+)`", r"`\1`", text)
    text = re.sub(r"`*\bNone\b`*", "null", text)
    return text.replace("``", "`").rstrip(".")


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
