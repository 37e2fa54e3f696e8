# SPDX-License-Identifier: GPL-3.0-or-later
"""``debian:source-package``: a .dsc and the files it lists."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from typing_extensions import override

from debusine.artifacts.base import ArtifactData, ArtifactKind, NameVersion
from debusine.artifacts.deb822 import read_dsc
from debusine.artifacts.files import LocalArtifact, by_name
from debusine.artifacts.rules import check_same_files, only_file
from debusine.domain.category import ArtifactCategory


class SourcePackageData(ArtifactData):
    """What the .dsc says."""

    name: str
    version: str
    type: Literal["dpkg"]
    dsc_fields: dict[str, Any]


class SourcePackage(ArtifactKind[SourcePackageData]):
    """Exactly one .dsc, and exactly the files it lists."""

    category = ArtifactCategory("debian:source-package")
    title = "Source package"
    icon = "file-earmark-code"

    @classmethod
    @override
    def label(cls, data: SourcePackageData) -> str:
        return f"{data.name}_{data.version}"

    @classmethod
    @override
    def check_files(cls, data: SourcePackageData, files: Mapping[str, Path | None]) -> None:
        dsc = only_file(cls.title, files, ".dsc")
        listed = {entry["name"] for entry in data.dsc_fields.get("Files", ())}
        check_same_files(dsc, files, listed | {dsc})

    @classmethod
    @override
    def content_type(cls, path: str) -> str | None:
        return "text/plain; charset=utf-8" if path.endswith(".dsc") else None

    @classmethod
    @override
    def source(cls, data: SourcePackageData) -> NameVersion:
        return NameVersion(data.name, data.version)

    @classmethod
    def from_dsc(cls, path: Path) -> LocalArtifact:
        """
        Make an artifact of a .dsc and the files beside it.

        :raises UserError: if the .dsc is malformed or does not fit its files
        """
        dsc = read_dsc(path)
        dsc.check_files()
        name, version = dsc.package
        data = SourcePackageData(
            name=name, version=version, type="dpkg", dsc_fields=dict(dsc.fields)
        )
        files = by_name([path, *(path.parent / listed for listed in dsc.listed)])
        return LocalArtifact(category=cls.category, data=data, files=files)
