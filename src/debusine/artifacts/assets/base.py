# SPDX-License-Identifier: GPL-3.0-or-later
"""
What a category of assets is.

A kind is one class in one file of this package; being there is all that registers it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, ClassVar, TypeVar

from pydantic import RootModel

from debusine.artifacts.base import ArtifactData
from debusine.artifacts.registry import Kind, find_kind, find_kinds, read_data
from debusine.domain.category import AssetCategory

KINDS_PACKAGE = "debusine.artifacts.assets"


class AssetData(ArtifactData):
    """Base of the data of an asset: unknown keys are refused."""


DataT = TypeVar("DataT", bound="AssetData | RootModel[Any]")


class AssetKind(Kind[DataT]):
    """
    One category of assets.

    A subclass names its data model as type argument and sets ``category`` and
    ``title``. It is never instantiated.
    """

    category: ClassVar[AssetCategory]
    title: ClassVar[str]
    """What an asset of this kind is called, e.g. ``Signing key``."""
    needs_workspace: ClassVar[bool] = False
    """Whether each belongs to a workspace; others may belong to the whole server."""
    is_secret: ClassVar[bool] = False
    """Whether the API neither shows nor creates any."""
    data_type: ClassVar[type[AssetData | RootModel[Any]]]

    @classmethod
    def slug(cls, data: DataT) -> str | None:
        """What an asset is called in its workspace; None if it has no name there."""
        del data
        return None


AnyAssetKind = type[AssetKind[Any]]


@cache
def all_asset_kinds() -> Mapping[str, AnyAssetKind]:
    """
    Every kind there is.

    :returns: kinds by category, in order of their file names
    """
    return find_kinds(KINDS_PACKAGE, AssetKind)


def asset_kind_for(category: str) -> AnyAssetKind:
    """
    Find the kind of a category.

    :raises UserError: if there is none
    """
    return find_kind(all_asset_kinds(), category, what="asset")


def parse_asset_data(category: str, data: Mapping[str, Any]) -> AssetData | RootModel[Any]:
    """
    Read the data of an asset.

    :returns: an instance of the data model of its kind
    :raises UserError: if the category is unknown or the data does not fit; the
        field paths stand in ``validation_errors`` below ``data``
    """
    model = asset_kind_for(category).data_type
    return read_data(model, data, what=f"an asset of category {category}")
