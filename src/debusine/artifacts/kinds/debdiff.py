# SPDX-License-Identifier: GPL-3.0-or-later
"""``debian:debdiff``: how two packages differ."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from typing_extensions import override

from debusine.artifacts.base import ArtifactData, ArtifactKind
from debusine.artifacts.files import LocalArtifact
from debusine.artifacts.rules import check_same_files
from debusine.domain.category import ArtifactCategory

OUTPUT = "debdiff.txt"


class DebdiffData(ArtifactData):
    """The files compared."""

    original: str
    new: str
    label: str | None = None


class Debdiff(ArtifactKind[DebdiffData]):
    """The output of debdiff."""

    category = ArtifactCategory("debian:debdiff")
    title = "Difference of packages"
    icon = "file-diff"

    @classmethod
    @override
    def label(cls, data: DebdiffData) -> str:
        return data.label or f"debdiff {data.original} {data.new}"

    @classmethod
    @override
    def check_files(cls, data: DebdiffData, files: Mapping[str, Path | None]) -> None:
        check_same_files(cls.title, files, {OUTPUT})

    @classmethod
    @override
    def content_type(cls, path: str) -> str:
        return "text/plain; charset=utf-8"

    @classmethod
    def from_output(cls, path: Path, data: DebdiffData) -> LocalArtifact:
        """Make an artifact of what debdiff printed."""
        return LocalArtifact(category=cls.category, data=data, files={OUTPUT: path})
