# SPDX-License-Identifier: GPL-3.0-or-later
"""``debian:binary-packages``: several packages in one artifact, as old clients made them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from typing_extensions import override

from debusine.artifacts.base import ArtifactData, ArtifactKind, NameVersion
from debusine.domain.category import ArtifactCategory
from debusine.errors import UserError


class BinaryPackagesData(ArtifactData):
    """What the packages have in common."""

    srcpkg_name: str
    srcpkg_version: str
    version: str
    architecture: str
    packages: list[str]


class BinaryPackages(ArtifactKind[BinaryPackagesData]):
    """One or more .deb or .udeb; no task makes or takes it any more."""

    category = ArtifactCategory("debian:binary-packages")
    title = "Binary packages"
    icon = "boxes"

    @classmethod
    @override
    def label(cls, data: BinaryPackagesData) -> str:
        return f"{data.srcpkg_name}_{data.srcpkg_version}"

    @classmethod
    @override
    def check_files(cls, data: BinaryPackagesData, files: Mapping[str, Path | None]) -> None:
        others = [path for path in files if not path.endswith((".deb", ".udeb"))]
        if others or not files:
            raise UserError(f"{cls.title} are .deb or .udeb files, found {sorted(others)}")

    @classmethod
    @override
    def source(cls, data: BinaryPackagesData) -> NameVersion:
        return NameVersion(data.srcpkg_name, data.srcpkg_version)

    @classmethod
    @override
    def architectures(cls, data: BinaryPackagesData) -> frozenset[str]:
        return frozenset({data.architecture})
