# SPDX-License-Identifier: GPL-3.0-or-later
"""``debusine:reproducibility``: whether two builds of a source package gave the same."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import Field
from typing_extensions import override

from debusine.artifacts.base import ArtifactData, ArtifactKind, NameVersion
from debusine.artifacts.files import LocalArtifact
from debusine.artifacts.rules import check_same_files
from debusine.domain.category import ArtifactCategory
from debusine.domain.reproducibility import FileVerdict, Trace, Variation

BUILDINFO = ".buildinfo"
JSON = ".json"


class FileComparison(ArtifactData):
    """
    A file of two builds.

    :param name: of the package's file
    :param verdict: ``missing`` in the second build, or ``extra`` there
    :param first_sha256: in the first build
    :param second_sha256: in the second build
    :param causes: what most likely made it differ, as the reports tell; empty if they do not
    :param reports: files of the artifact that show the difference; empty if there are none
    """

    name: str
    verdict: FileVerdict
    first_sha256: str | None = None
    second_sha256: str | None = None
    causes: list[Variation | Trace] = Field(default_factory=list)
    reports: list[str] = Field(default_factory=list)


class VariationRecord(ArtifactData):
    """
    Something that the second build was to do in another way.

    :param name: what that is
    :param applied: whether it did
    :param first: how it was in the first build, if that is known
    :param second: how it was in the second build, if that is known
    :param reason: why it was not applied
    """

    name: Variation
    applied: bool
    first: str | None = None
    second: str | None = None
    reason: str | None = None


class VersionRecord(ArtifactData):
    """
    A package that the two builds had in different versions.

    :param package: with its architecture, if that is a foreign one
    :param first: null if the first build did not have it
    :param second: null if the second did not
    """

    package: str
    first: str | None = None
    second: str | None = None


class ReproducibilityData(ArtifactData):
    """
    What came of it.

    :param source: source package
    :param version: of the source package
    :param architecture: that was built on
    :param reproducible: whether all files are the same
    :param summary: all of it in a line
    :param files: those that were compared, sorted by name
    :param variations: those that were asked for
    :param other_versions: packages that the builds could use, in another version; null if a
        build does not say what it could use
    :param notes: what could not be done, a line each
    """

    source: str
    version: str
    architecture: str
    reproducible: bool
    summary: str
    files: list[FileComparison]
    variations: list[VariationRecord] = Field(default_factory=list)
    other_versions: list[VersionRecord] | None = None
    notes: list[str] = Field(default_factory=list)


class Reproducibility(ArtifactKind[ReproducibilityData]):
    """The ``.buildinfo`` of the second build, and reports of diffoscope."""

    category = ArtifactCategory("debusine:reproducibility")
    title = "Reproducibility report"
    icon = "arrow-repeat"

    @classmethod
    @override
    def label(cls, data: ReproducibilityData) -> str:
        word = "reproducible" if data.reproducible else "not reproducible"
        return f"{data.source}_{data.version}: {word}"

    @classmethod
    @override
    def check_files(cls, data: ReproducibilityData, files: Mapping[str, Path | None]) -> None:
        reports = {report for file in data.files for report in file.reports}
        records = {path for path in files if path.endswith(BUILDINFO)}
        check_same_files(cls.title, files, reports | records)

    @classmethod
    @override
    def content_type(cls, path: str) -> str:
        return "application/json" if path.endswith(JSON) else "text/plain; charset=utf-8"

    @classmethod
    @override
    def source(cls, data: ReproducibilityData) -> NameVersion:
        return NameVersion(data.source, data.version)

    @classmethod
    @override
    def architectures(cls, data: ReproducibilityData) -> frozenset[str]:
        return frozenset({data.architecture})

    @classmethod
    def from_files(cls, data: ReproducibilityData, files: Mapping[str, Path]) -> LocalArtifact:
        """
        Make an artifact of a comparison.

        :param files: the ``.buildinfo`` and the reports that the data name, by name
        :raises UserError: if there are others
        """
        return LocalArtifact(category=cls.category, data=data, files=dict(files))
