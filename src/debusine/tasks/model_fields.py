# SPDX-License-Identifier: GPL-3.0-or-later
"""
Fields of pydantic models, for people.

What a field means is said by the model: as its description, or as ``:param`` in the
docstring of the class or of a base, or by the docstring of the model in the field.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import to_jsonable_python

from debusine.domain.lookup import LookupMultiple
from debusine.tasks.field_types import inner_models, limits, type_name
from debusine.wire.task_type import TaskField

_PARAM = re.compile(r":param (\w+):\s*(.*?)(?=\n\s*:|\n\s*\n|\Z)", re.DOTALL)


def describe_fields(model: type[BaseModel], *, nested: bool = True) -> list[TaskField]:
    """
    Describe the fields of a model, in their order.

    Where one of several models may stand, fields of the same name become one.

    :param nested: with the fields of models in fields, each after the field
    """
    return list(_fields(model, "", nested=nested))


def _fields(model: type[BaseModel], prefix: str, *, nested: bool) -> Iterator[TaskField]:
    said = _said(model)
    for name, field in model.model_fields.items():
        path = f"{prefix}{field.serialization_alias or field.alias or name}"
        models, suffix = inner_models(field.annotation)
        meaning = field.description or said.get(name) or _summaries(models)
        yield TaskField(
            path=path,
            type=type_name(field.annotation),
            required=field.is_required(),
            default=_default(field),
            meaning=plain_text(meaning),
            limits=limits(field.annotation, field.metadata),
        )
        if nested:
            yield from _alternatives(models, f"{path}{suffix}.")


def _alternatives(models: list[type[BaseModel]], prefix: str) -> Iterator[TaskField]:
    found: dict[str, list[TaskField]] = {}
    for model in models:
        for field in _fields(model, prefix, nested=True):
            found.setdefault(field.path, []).append(field)
    for same in found.values():
        first = same[0]
        yield first.model_copy(
            update={
                "type": " or ".join(dict.fromkeys(one.type for one in same)),
                "required": len(same) == len(models) and all(one.required for one in same),
                "meaning": "; or ".join(dict.fromkeys(o.meaning for o in same if o.meaning)),
                "limits": list(dict.fromkeys(said for one in same for said in one.limits)),
            }
        )


def _said(model: type[BaseModel]) -> dict[str, str]:
    """``:param`` of the docstrings of a model and its bases; the nearest counts."""
    found: dict[str, str] = {}
    for cls in model.__mro__:
        if cls is not BaseModel and issubclass(cls, BaseModel):
            text = inspect.cleandoc(vars(cls).get("__doc__") or "")
            for name, meaning in _PARAM.findall(text):
                found.setdefault(name, re.sub(r"\s+", " ", meaning).strip())
    return found


def _summaries(models: list[type[BaseModel]]) -> str:
    """What models in a field say of themselves, unless that needs more than a line."""
    texts = (inspect.cleandoc(vars(model).get("__doc__") or "") for model in models)
    return "; or ".join(text.partition("\n")[0].rstrip(".") for text in texts if text)


def plain_text(text: str) -> str:
    """
    Turn reST into plain text with code in backquotes, as far as docstrings use it.

    >>> plain_text("``None`` is that of :class:`~pathlib.Path`, or ``x``.")
    'null is that of `pathlib.Path`, or `x`'
    """
    text = re.sub(r":\w+:`~?([^`]+)`", r"`\1`", text)
    text = re.sub(r"`*\bNone\b`*", "null", text)
    return text.replace("``", "`").rstrip(".")


def _default(field: FieldInfo) -> Any:
    """The default as JSON; null also where there is none."""
    if field.is_required():
        return None
    value = field.get_default(call_default_factory=True, validated_data={})
    if isinstance(value, LookupMultiple):
        return []
    return to_jsonable_python(value, fallback=str)
