# SPDX-License-Identifier: GPL-3.0-or-later
"""What registries of categories share: a folder of kinds, and data that a model reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError

from debusine.domain.validation import messages_by_field
from debusine.errors import UserError
from debusine.util.discovery import load_all

KindT = TypeVar("KindT")
ModelT = TypeVar("ModelT", bound=BaseModel)


def model_argument(cls: type, base: type) -> type[Any] | None:
    """
    The data model that a class gives to its generic base, or to one that descends from it.

    :returns: None if it gives none, being generic itself for instance
    """
    for generic in getattr(cls, "__orig_bases__", ()):
        origin = get_origin(generic)
        if isinstance(origin, type) and issubclass(origin, base):
            found = get_args(generic)[0]
            return found if isinstance(found, type) else None
    return None


def find_kinds(package: str, base: type[KindT]) -> Mapping[str, type[KindT]]:
    """
    Every kind that the modules of a package define.

    :param base: what kinds descend from; has the attribute ``category``
    :returns: kinds by category, in order of their file names
    """
    return {
        str(kind.category): kind  # type: ignore[attr-defined]  # see the parameter
        for module in load_all(package)
        for kind in vars(module).values()
        if isinstance(kind, type)
        and issubclass(kind, base)
        and kind is not base
        and kind.__module__ == module.__name__
    }


def find_kind(kinds: Mapping[str, KindT], category: str, *, what: str) -> KindT:
    """
    The kind of a category.

    :param what: what the category is of, for the message
    :raises UserError: if there is none
    """
    try:
        return kinds[category]
    except KeyError:
        raise UserError(
            f"unknown {what} category: {category}",
            details="Known categories: " + ", ".join(sorted(kinds)),
            validation_errors={"category": [f"{category}: invalid category"]},
        ) from None


def read_data(model: type[ModelT], data: Mapping[str, Any], *, what: str) -> ModelT:
    """
    Read data of a category.

    :param what: what the data is of, for the message
    :raises UserError: if it does not fit; the field paths stand in ``validation_errors``
        below ``data``
    """
    try:
        return model.model_validate(dict(data))
    except ValidationError as error:
        located = ({**item, "loc": ("data", *item["loc"])} for item in error.errors())
        found = messages_by_field(located)
        lines = [f"{path}: {', '.join(messages)}" for path, messages in found.items()]
        raise UserError(
            f"invalid data for {what}", details="\n".join(lines), validation_errors=found
        ) from error
