# SPDX-License-Identifier: GPL-3.0-or-later
"""``debusine:work-request-debug-logs``: what a task wrote down for its user."""

from __future__ import annotations

from pathlib import Path

from typing_extensions import override

from debusine.artifacts.base import ArtifactData, ArtifactKind
from debusine.artifacts.files import LocalArtifact, below
from debusine.domain.category import ArtifactCategory

TEXT = "text/plain; charset=utf-8"


class DebugLogsData(ArtifactData):
    """Nothing: the files say it all."""


class DebugLogs(ArtifactKind[DebugLogsData]):
    """Any number of text files."""

    category = ArtifactCategory("debusine:work-request-debug-logs")
    title = "Debug logs"
    icon = "journal-text"

    @classmethod
    @override
    def label(cls, data: DebugLogsData) -> str:
        return "debug logs"

    @classmethod
    @override
    def content_type(cls, path: str) -> str:
        return TEXT

    @classmethod
    def from_directory(cls, directory: Path) -> LocalArtifact:
        """Make an artifact of every file below a directory."""
        return LocalArtifact(category=cls.category, data=DebugLogsData(), files=below(directory))
