# SPDX-License-Identifier: GPL-3.0-or-later
"""``debian:lintian``: what lintian said about the packages of one architecture."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from pydantic import field_validator
from typing_extensions import override

from debusine.artifacts.base import ArtifactData, ArtifactKind
from debusine.artifacts.files import LocalArtifact
from debusine.artifacts.rules import check_same_files
from debusine.domain.category import ArtifactCategory
from debusine.errors import UserError

ANALYSIS = "analysis.json"
OUTPUT = "lintian.txt"
SEVERITIES = (
    "error",
    "warning",
    "info",
    "pedantic",
    "experimental",
    "overridden",
    "classification",
)


class LintianSummary(ArtifactData):
    """
    The findings, counted.

    :param tags_count_by_severity: has all of :data:`SEVERITIES` as keys
    :param package_filename: file by package
    :param tags_found: tags that are not overridden, sorted
    :param overridden_tags_found: tags that are, sorted
    """

    tags_count_by_severity: dict[str, int]
    package_filename: dict[str, str]
    tags_found: list[str]
    overridden_tags_found: list[str]
    lintian_version: str
    distribution: str

    @field_validator("tags_count_by_severity")
    @classmethod
    def _all_severities(cls, counts: dict[str, int]) -> dict[str, int]:
        if set(counts) != set(SEVERITIES):
            message = f"keys must be {', '.join(SEVERITIES)}"
            raise ValueError(message)
        return counts


class LintianData(ArtifactData):
    """``architecture`` is that of the packages, ``source`` or ``all``."""

    architecture: str | None = None
    summary: LintianSummary


class Lintian(ArtifactKind[LintianData]):
    """The analysis as JSON, and the output as it was."""

    category = ArtifactCategory("debian:lintian")
    title = "Lintian report"
    icon = "clipboard-check"

    @classmethod
    @override
    def label(cls, data: LintianData) -> str:
        packages = ", ".join(sorted(data.summary.package_filename))
        return f"lintian: {packages}" if packages else "lintian (empty)"

    @classmethod
    @override
    def check_files(cls, data: LintianData, files: Mapping[str, Path | None]) -> None:
        check_same_files(cls.title, files, {ANALYSIS, OUTPUT})
        analysis = files[ANALYSIS]
        if analysis is not None:
            try:
                json.loads(analysis.read_bytes())
            except ValueError as error:
                raise UserError(f"{ANALYSIS} is not valid JSON: {error}") from error

    @classmethod
    @override
    def content_type(cls, path: str) -> str:
        return "application/json" if path == ANALYSIS else "text/plain; charset=utf-8"

    @classmethod
    @override
    def architectures(cls, data: LintianData) -> frozenset[str]:
        found = {data.architecture} - {None, "source"}
        return frozenset(str(architecture) for architecture in found)

    @classmethod
    def from_files(
        cls, analysis: Path, output: Path, *, summary: LintianSummary, architecture: str
    ) -> LocalArtifact:
        """
        Make an artifact of a report.

        :param analysis: the findings as JSON
        :param output: what lintian printed
        :raises UserError: if the analysis is not JSON
        """
        return LocalArtifact(
            category=cls.category,
            data=LintianData(architecture=architecture, summary=summary),
            files={ANALYSIS: analysis, OUTPUT: output},
        )
