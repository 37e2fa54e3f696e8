# SPDX-License-Identifier: GPL-3.0-or-later
"""
What a category of artifacts is: its data, its files, its words for people.

A kind is one class in one file of ``debusine.artifacts.kinds``; being there is all
that registers it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, TypeVar

from pydantic import BaseModel, ConfigDict

from debusine.artifacts.registry import Kind, find_kind, find_kinds, read_data
from debusine.domain.category import ArtifactCategory
from debusine.errors import UserError

KINDS_PACKAGE = "debusine.artifacts.kinds"


class ArtifactData(BaseModel):
    """Base of the data of an artifact: unknown keys are refused, dumps use aliases."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, populate_by_name=True, serialize_by_alias=True
    )


class NameVersion(NamedTuple):
    """A package and its version."""

    name: str
    version: str


DataT = TypeVar("DataT", bound=ArtifactData)


class ArtifactKind(Kind[DataT]):
    """
    One category of artifacts.

    A subclass names its data model as type argument and sets ``category``,
    ``title`` and ``icon``; it overrides the methods for which the default does
    not hold. It is never instantiated.
    """

    category: ClassVar[ArtifactCategory]
    title: ClassVar[str]
    """What an artifact of this kind is called, e.g. ``Source package``."""
    icon: ClassVar[str] = "file-earmark"
    """Name of a Bootstrap icon."""
    data_type: ClassVar[type[ArtifactData]]

    @classmethod
    def label(cls, data: DataT) -> str:
        """Short name for lists; the category if there is no better one."""
        del data
        return str(cls.category)

    @classmethod
    def check_files(cls, data: DataT, files: Mapping[str, Path | None]) -> None:
        """
        Check the files of an artifact that is being made.

        :param files: path in the artifact to the local file, None for content
            that the server is expected to have
        :raises UserError: if they are not what this kind holds
        """

    @classmethod
    def content_type(cls, path: str) -> str | None:
        """Content type of a file of this kind; None leaves the guess to the server."""
        del path
        return None

    @classmethod
    def source(cls, data: DataT) -> NameVersion | None:
        """Source package an artifact belongs to, if there is exactly one."""
        del data
        return None

    @classmethod
    def binary(cls, data: DataT) -> NameVersion | None:
        """Binary package that an artifact is, if it is one."""
        del data
        return None

    @classmethod
    def architectures(cls, data: DataT) -> frozenset[str]:
        """Architectures an artifact holds packages of, ``source`` never among them."""
        del data
        return frozenset()


AnyKind = type[ArtifactKind[Any]]


@cache
def all_kinds() -> Mapping[str, AnyKind]:
    """
    Every kind there is.

    :returns: kinds by category, in order of their file names
    """
    return find_kinds(KINDS_PACKAGE, ArtifactKind)


def kind_for(category: str) -> AnyKind:
    """
    Find the kind of a category.

    :raises UserError: if there is none
    """
    return find_kind(all_kinds(), category, what="artifact")


def parse_data(category: str, data: Mapping[str, Any]) -> ArtifactData:
    """
    Read the data of an artifact.

    :returns: an instance of the data model of its kind
    :raises UserError: if the category is unknown or the data does not fit; the
        field paths stand in ``validation_errors`` below ``data``
    """
    model = kind_for(category).data_type
    return read_data(model, data, what=f"an artifact of category {category}")


def check_data(category: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """
    Check the data of an artifact that a client sent.

    :returns: the data as it is to be stored: only the keys that were given, as JSON
    :raises UserError: see :func:`parse_data`
    """
    return parse_data(category, data).model_dump(mode="json", exclude_unset=True)


def describe(category: str, data: Mapping[str, Any]) -> str:
    """
    Label of a stored artifact.

    :returns: the label its kind gives; the category if kind or data are not understood,
        as rows outlive the program that wrote them
    """
    try:
        return kind_for(category).label(parse_data(category, data))
    except UserError:
        return category
