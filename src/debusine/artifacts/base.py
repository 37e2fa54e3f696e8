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
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError
from typing_extensions import override

from debusine.domain.category import ArtifactCategory
from debusine.errors import UserError
from debusine.util.discovery import load_all

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


class ArtifactKind(Generic[DataT]):
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

    @override
    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Take the data model from the type argument."""
        super().__init_subclass__(**kwargs)
        for base in getattr(cls, "__orig_bases__", ()):
            if get_origin(base) is ArtifactKind:
                cls.data_type = get_args(base)[0]

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
    return {
        kind.category: kind
        for module in load_all(KINDS_PACKAGE)
        for kind in vars(module).values()
        if isinstance(kind, type)
        and issubclass(kind, ArtifactKind)
        and kind.__module__ == module.__name__
    }


def kind_for(category: str) -> AnyKind:
    """
    Find the kind of a category.

    :raises UserError: if there is none
    """
    try:
        return all_kinds()[category]
    except KeyError:
        raise UserError(
            f"unknown artifact category: {category}",
            details="Known categories: " + ", ".join(sorted(all_kinds())),
            validation_errors={"category": [f"{category}: invalid category"]},
        ) from None


def parse_data(category: str, data: Mapping[str, Any]) -> ArtifactData:
    """
    Read the data of an artifact.

    :returns: an instance of the data model of its kind
    :raises UserError: if the category is unknown or the data does not fit; the
        field paths stand in ``validation_errors`` below ``data``
    """
    kind = kind_for(category)
    try:
        return kind.data_type.model_validate(dict(data))
    except ValidationError as error:
        found: dict[str, list[str]] = {}
        for item in error.errors():
            path = ".".join(["data", *(str(part) for part in item["loc"])])
            found.setdefault(path, []).append(item["msg"])
        lines = [f"{path}: {', '.join(messages)}" for path, messages in found.items()]
        raise UserError(
            f"invalid data for an artifact of category {category}",
            details="\n".join(lines),
            validation_errors=found,
        ) from error


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
