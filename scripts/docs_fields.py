# SPDX-License-Identifier: GPL-3.0-or-later
"""
Tables of the fields of pydantic models.

Where a model does not say what a field means, the meaning that stands in the page is
kept, so that people can write it there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping

from pydantic import BaseModel

from debusine.tasks.model_fields import describe_fields, plain_text
from debusine.wire.task_type import TaskField

MISSING = "?"
_ROW = re.compile(r"^\| `(?P<path>[^`]+)` \|.*\| (?P<meaning>[^|]*?) \|$", re.MULTILINE)


def meanings_of(table: str) -> dict[str, str]:
    """Meanings that stand in a table, by field."""
    return {match["path"]: match["meaning"] for match in _ROW.finditer(table)}


def field_table(model: type[BaseModel], *, written: Mapping[str, str], nested: bool) -> str:
    """
    Make a table with a row per field.

    :param written: meanings by field, for fields about which the model says nothing
    :param nested: with the fields of models in fields
    """
    return table(describe_fields(model, nested=nested), written=written)


def table(fields: Iterable[TaskField], *, written: Mapping[str, str]) -> str:
    """Make a table of fields that are described."""
    rows = [
        f"| `{field.path}` | {cell(field.type)} | {cell(_default(field))} |"
        f" {cell(_meaning(field, written))} |"
        for field in fields
    ]
    if not rows:
        return "There are no fields."
    return "\n".join(["| field | type | default | meaning |", "|---|---|---|---|", *rows])


def _meaning(field: TaskField, written: Mapping[str, str]) -> str:
    if field.meaning:
        return "; ".join([field.meaning, *field.limits])
    return plain_text(written.get(field.path, MISSING))


def _default(field: TaskField) -> str:
    if field.required:
        return "required"
    is_model = isinstance(field.default, dict) and field.default
    return "as below" if is_model else f"`{json.dumps(field.default)}`"


def cell(text: str) -> str:
    """Text that may stand in a table."""
    return text.replace("|", "\\|")
