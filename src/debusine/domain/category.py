# SPDX-License-Identifier: GPL-3.0-or-later
"""
Categories of artifacts, collections, bare items and assets.

A category is text such as ``debian:source-package``. The sets are open: a kind
registers its own by existing. The types here only keep them apart.
"""

from __future__ import annotations

import re
from typing import Any, Self

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema
from typing_extensions import override


class Category(str):
    """
    A category, ``vendor:name``.

    :raises ValueError: if the text has another form

    >>> ArtifactCategory("debian:upload")
    ArtifactCategory('debian:upload')
    >>> ArtifactCategory("upload")
    Traceback (most recent call last):
    ...
    ValueError: not a category of the form vendor:name: 'upload'
    """

    __slots__ = ()

    _FORM = re.compile(r"[a-z][a-z0-9]*:[a-z][a-z0-9-]*")

    def __new__(cls, text: str) -> Self:  # noqa: D102  see the class
        if not cls._FORM.fullmatch(text):
            message = f"not a category of the form vendor:name: {text!r}"
            raise ValueError(message)
        return super().__new__(cls, text)

    @override
    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"

    @classmethod
    def __get_pydantic_core_schema__(
        cls,
        source_type: Any,
        handler: GetCoreSchemaHandler,
    ) -> CoreSchema:
        return core_schema.no_info_after_validator_function(cls, core_schema.str_schema())


class ArtifactCategory(Category):
    """Category of an artifact."""

    __slots__ = ()


class CollectionCategory(Category):
    """Category of a collection."""

    __slots__ = ()


class BareDataCategory(Category):
    """Category of an item without files."""

    __slots__ = ()


class AssetCategory(Category):
    """Category of an asset."""

    __slots__ = ()
