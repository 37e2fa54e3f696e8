# SPDX-License-Identifier: GPL-3.0-or-later
"""``debian:blhc``: missing hardening flags found in a build log."""

from __future__ import annotations

from typing_extensions import override

from debusine.artifacts.base import ArtifactData, NameVersion
from debusine.artifacts.text_report import TextReport
from debusine.domain.category import ArtifactCategory


class BlhcData(ArtifactData):
    """What the log is of, copied from there."""

    source: str | None = None
    version: str | None = None
    architecture: str | None = None


class Blhc(TextReport[BlhcData]):
    """The output of blhc."""

    category = ArtifactCategory("debian:blhc")
    title = "blhc report"
    icon = "shield-check"
    file_name = "blhc.txt"

    @classmethod
    @override
    def label(cls, data: BlhcData) -> str:
        parts = [part for part in (data.source, data.version, data.architecture) if part]
        return f"blhc analysis for {'_'.join(parts)}" if parts else "blhc analysis"

    @classmethod
    @override
    def source(cls, data: BlhcData) -> NameVersion | None:
        return NameVersion(data.source, data.version) if data.source and data.version else None
