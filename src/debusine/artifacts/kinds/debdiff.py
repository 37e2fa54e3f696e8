# SPDX-License-Identifier: GPL-3.0-or-later
"""``debian:debdiff``: how two packages differ."""

from __future__ import annotations

from typing_extensions import override

from debusine.artifacts.base import ArtifactData
from debusine.artifacts.text_report import TextReport
from debusine.domain.category import ArtifactCategory


class DebdiffData(ArtifactData):
    """The files compared."""

    original: str
    new: str
    label: str | None = None


class Debdiff(TextReport[DebdiffData]):
    """The output of debdiff."""

    category = ArtifactCategory("debian:debdiff")
    title = "Difference of packages"
    icon = "file-diff"
    file_name = "debdiff.txt"

    @classmethod
    @override
    def label(cls, data: DebdiffData) -> str:
        return data.label or f"debdiff {data.original} {data.new}"
