# SPDX-License-Identifier: GPL-3.0-or-later
"""
What a category of bare data is: items of collections that have data and no files.

A kind is one class in one file of this package; being there is all that registers it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, ClassVar, TypeVar

from debusine.artifacts.base import ArtifactData
from debusine.artifacts.registry import Kind, find_kind, find_kinds, read_data
from debusine.domain.category import BareDataCategory

KINDS_PACKAGE = "debusine.artifacts.bare_data"


class BareData(ArtifactData):
    """Base of the data of an item: unknown keys are refused, dumps use aliases."""


DataT = TypeVar("DataT", bound=BareData)


class BareDataKind(Kind[DataT]):
    """
    One category of bare data.

    A subclass names its data model as type argument and sets ``category`` and
    ``title``. It is never instantiated.
    """

    category: ClassVar[BareDataCategory]
    title: ClassVar[str]
    """What an item of this kind is called, e.g. ``Promise``."""
    data_type: ClassVar[type[BareData]]

    @classmethod
    def item_name(cls, data: DataT) -> str | None:
        """Name that the item has in its collection; None leaves it to whoever adds it."""
        del data
        return None


AnyBareDataKind = type[BareDataKind[Any]]


@cache
def all_bare_data_kinds() -> Mapping[str, AnyBareDataKind]:
    """
    Every kind there is.

    :returns: kinds by category, in order of their file names
    """
    return find_kinds(KINDS_PACKAGE, BareDataKind)


def bare_data_kind_for(category: str) -> AnyBareDataKind:
    """
    Find the kind of a category.

    :raises UserError: if there is none
    """
    return find_kind(all_bare_data_kinds(), category, what="bare data")


def parse_bare_data(category: str, data: Mapping[str, Any]) -> BareData:
    """
    Read the data of an item.

    :returns: an instance of the data model of its kind
    :raises UserError: if the category is unknown or the data does not fit; the
        field paths stand in ``validation_errors`` below ``data``
    """
    model = bare_data_kind_for(category).data_type
    return read_data(model, data, what=f"bare data of category {category}")


def check_bare_data(category: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """
    Check the data of an item that is to be added to a collection.

    :returns: the data as it is to be stored: only the keys that were given, as JSON
    :raises UserError: see :func:`parse_bare_data`
    """
    return parse_bare_data(category, data).model_dump(mode="json", exclude_unset=True)
