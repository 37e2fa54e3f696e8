# SPDX-License-Identifier: GPL-3.0-or-later
"""``debian:piuparts``: installing, upgrading and removing packages."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from typing_extensions import override

from debusine.artifacts.base import ArtifactData, ArtifactKind
from debusine.artifacts.files import LocalArtifact
from debusine.artifacts.rules import check_same_files
from debusine.domain.category import ArtifactCategory

OUTPUT = "piuparts.txt"


class PiupartsData(ArtifactData):
    """``binary_packages`` gives versions by package; ``distribution`` is ``vendor:codename``."""

    piuparts_version: str
    binary_packages: dict[str, str]
    architecture: str
    distribution: str


class Piuparts(ArtifactKind[PiupartsData]):
    """The output of piuparts."""

    category = ArtifactCategory("debian:piuparts")
    title = "piuparts report"
    icon = "recycle"

    @classmethod
    @override
    def label(cls, data: PiupartsData) -> str:
        return f"piuparts: {', '.join(sorted(data.binary_packages))}"

    @classmethod
    @override
    def check_files(cls, data: PiupartsData, files: Mapping[str, Path | None]) -> None:
        check_same_files(cls.title, files, {OUTPUT})

    @classmethod
    @override
    def content_type(cls, path: str) -> str:
        return "text/plain; charset=utf-8"

    @classmethod
    @override
    def architectures(cls, data: PiupartsData) -> frozenset[str]:
        return frozenset({data.architecture})

    @classmethod
    def from_output(cls, path: Path, data: PiupartsData) -> LocalArtifact:
        """Make an artifact of what piuparts printed."""
        return LocalArtifact(category=cls.category, data=data, files={OUTPUT: path})
