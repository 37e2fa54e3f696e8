# SPDX-License-Identifier: GPL-3.0-or-later
"""``debian:blhc``: missing hardening flags found in a build log."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from typing_extensions import override

from debusine.artifacts.base import ArtifactData, ArtifactKind, NameVersion
from debusine.artifacts.files import LocalArtifact
from debusine.artifacts.rules import check_same_files
from debusine.domain.category import ArtifactCategory

OUTPUT = "blhc.txt"


class BlhcData(ArtifactData):
    """What the log is of, copied from there."""

    source: str | None = None
    version: str | None = None
    architecture: str | None = None


class Blhc(ArtifactKind[BlhcData]):
    """The output of blhc."""

    category = ArtifactCategory("debian:blhc")
    title = "blhc report"
    icon = "shield-check"

    @classmethod
    @override
    def label(cls, data: BlhcData) -> str:
        parts = [part for part in (data.source, data.version, data.architecture) if part]
        return f"blhc analysis for {'_'.join(parts)}" if parts else "blhc analysis"

    @classmethod
    @override
    def check_files(cls, data: BlhcData, files: Mapping[str, Path | None]) -> None:
        check_same_files(cls.title, files, {OUTPUT})

    @classmethod
    @override
    def content_type(cls, path: str) -> str:
        return "text/plain; charset=utf-8"

    @classmethod
    @override
    def source(cls, data: BlhcData) -> NameVersion | None:
        return NameVersion(data.source, data.version) if data.source and data.version else None

    @classmethod
    def from_output(cls, path: Path, data: BlhcData) -> LocalArtifact:
        """Make an artifact of what blhc printed."""
        return LocalArtifact(category=cls.category, data=data, files={OUTPUT: path})
