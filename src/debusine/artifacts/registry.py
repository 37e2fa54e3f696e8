# SPDX-License-Identifier: GPL-3.0-or-later
"""What registries of categories share: a folder of kinds, and data that a model reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Generic, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError
from typing_extensions import override

from debusine.domain.validation import lines_by_field, messages_by_field
from debusine.errors import UserError
from debusine.util.discovery import load_all

ModelT = TypeVar("ModelT", bound=BaseModel)


class Kind(Generic[ModelT]):
    """
    One category of something that has data.

    A subclass names its data model as type argument; it is never instantiated.
    """

    category: ClassVar[str]
    title: ClassVar[str]
    data_type: ClassVar[type[BaseModel]]

    @override
    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Take the data model from the type argument."""
        super().__init_subclass__(**kwargs)
        model = model_argument(cls, Kind)
        if model is not None:
            cls.data_type = model


KindT = TypeVar("KindT", bound=Kind[Any])
AnyT = TypeVar("AnyT")


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

    :param base: what kinds descend from
    :returns: kinds by category, in order of their file names
    """
    return {
        str(kind.category): kind
        for module in load_all(package)
        for kind in vars(module).values()
        if isinstance(kind, type)
        and issubclass(kind, base)
        and kind is not base
        and kind.__module__ == module.__name__
    }


def find_kind(kinds: Mapping[str, AnyT], category: str, *, what: str) -> AnyT:
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
        raise UserError(
            f"invalid data for {what}",
            details="\n".join(lines_by_field(found)),
            validation_errors=found,
        ) from error
