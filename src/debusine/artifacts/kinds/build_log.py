# SPDX-License-Identifier: GPL-3.0-or-later
"""``debian:package-build-log``: what a build printed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from typing_extensions import override

from debusine.artifacts.base import ArtifactData, ArtifactKind, NameVersion
from debusine.artifacts.dose import DoseReport
from debusine.artifacts.files import LocalArtifact
from debusine.artifacts.rules import check_single
from debusine.domain.category import ArtifactCategory

SUFFIX = ".build"


class BuildLogData(ArtifactData):
    """What was built; ``bd_uninstallable`` says why build dependencies could not be installed."""

    source: str
    version: str
    architecture: str | None = None
    filename: str
    bd_uninstallable: DoseReport | None = None


class BuildLog(ArtifactKind[BuildLogData]):
    """Exactly one file, ending in ``.build``."""

    category = ArtifactCategory("debian:package-build-log")
    title = "Build log"
    icon = "terminal"

    @classmethod
    @override
    def label(cls, data: BuildLogData) -> str:
        return data.filename.removesuffix(SUFFIX)

    @classmethod
    @override
    def check_files(cls, data: BuildLogData, files: Mapping[str, Path | None]) -> None:
        check_single(cls.title, files, SUFFIX)

    @classmethod
    @override
    def content_type(cls, path: str) -> str:
        return "text/plain; charset=utf-8"

    @classmethod
    @override
    def source(cls, data: BuildLogData) -> NameVersion:
        return NameVersion(data.source, data.version)

    @classmethod
    @override
    def architectures(cls, data: BuildLogData) -> frozenset[str]:
        return frozenset({data.architecture} if data.architecture else ())

    @classmethod
    def from_log(
        cls,
        path: Path,
        package: NameVersion,
        *,
        architecture: str,
        bd_uninstallable: DoseReport | None = None,
    ) -> LocalArtifact:
        """
        Make an artifact of a log.

        :param package: the source package that was built
        :param architecture: of the packages made; ``all`` or ``source`` if only those were
        """
        data = BuildLogData(
            source=package.name,
            version=package.version,
            architecture=architecture,
            filename=path.name,
            bd_uninstallable=bd_uninstallable,
        )
        return LocalArtifact(category=cls.category, data=data, files={path.name: path})
