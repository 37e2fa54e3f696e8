# SPDX-License-Identifier: GPL-3.0-or-later
"""``debian:binary-package``: one .deb or .udeb."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from typing_extensions import override

from debusine.artifacts.base import ArtifactData, ArtifactKind, NameVersion
from debusine.artifacts.deb import read_deb
from debusine.artifacts.files import LocalArtifact, by_name
from debusine.artifacts.rules import check_single
from debusine.domain.category import ArtifactCategory


class BinaryPackageData(ArtifactData):
    """What the control archive says."""

    srcpkg_name: str
    srcpkg_version: str
    deb_fields: dict[str, Any]
    deb_control_files: list[str]


class BinaryPackage(ArtifactKind[BinaryPackageData]):
    """Exactly one .deb or .udeb."""

    category = ArtifactCategory("debian:binary-package")
    title = "Binary package"
    icon = "box-seam"

    @classmethod
    @override
    def label(cls, data: BinaryPackageData) -> str:
        return "_".join(
            str(data.deb_fields.get(name, "")) for name in ("Package", "Version", "Architecture")
        )

    @classmethod
    @override
    def check_files(cls, data: BinaryPackageData, files: Mapping[str, Path | None]) -> None:
        check_single(cls.title, files, ".deb", ".udeb")

    @classmethod
    @override
    def content_type(cls, path: str) -> str:
        return "application/vnd.debian.binary-package"

    @classmethod
    @override
    def source(cls, data: BinaryPackageData) -> NameVersion:
        return NameVersion(data.srcpkg_name, data.srcpkg_version)

    @classmethod
    @override
    def binary(cls, data: BinaryPackageData) -> NameVersion:
        return NameVersion(str(data.deb_fields["Package"]), str(data.deb_fields["Version"]))

    @classmethod
    @override
    def architectures(cls, data: BinaryPackageData) -> frozenset[str]:
        return frozenset(str(data.deb_fields.get("Architecture", "")).split())

    @classmethod
    def from_deb(cls, path: Path) -> LocalArtifact:
        """
        Make an artifact of a package.

        :raises UserError: if it is damaged
        """
        info = read_deb(path)
        name, version = info.source
        data = BinaryPackageData(
            srcpkg_name=name,
            srcpkg_version=version,
            deb_fields=dict(info.fields),
            deb_control_files=list(info.control_files),
        )
        return LocalArtifact(category=cls.category, data=data, files=by_name([path]))
