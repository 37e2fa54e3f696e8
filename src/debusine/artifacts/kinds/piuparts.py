# SPDX-License-Identifier: GPL-3.0-or-later
"""``debian:piuparts``: installing, upgrading and removing packages."""

from __future__ import annotations

from typing_extensions import override

from debusine.artifacts.base import ArtifactData
from debusine.artifacts.text_report import TextReport
from debusine.domain.category import ArtifactCategory


class PiupartsData(ArtifactData):
    """``binary_packages`` gives versions by package; ``distribution`` is ``vendor:codename``."""

    piuparts_version: str
    binary_packages: dict[str, str]
    architecture: str
    distribution: str


class Piuparts(TextReport[PiupartsData]):
    """The output of piuparts."""

    category = ArtifactCategory("debian:piuparts")
    title = "piuparts report"
    icon = "recycle"
    file_name = "piuparts.txt"

    @classmethod
    @override
    def label(cls, data: PiupartsData) -> str:
        return f"piuparts: {', '.join(sorted(data.binary_packages))}"

    @classmethod
    @override
    def architectures(cls, data: PiupartsData) -> frozenset[str]:
        return frozenset({data.architecture})
