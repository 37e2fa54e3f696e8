# SPDX-License-Identifier: GPL-3.0-or-later
"""What kinds share that are the printed output of one program."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from typing_extensions import override

from debusine.artifacts.base import ArtifactKind, DataT
from debusine.artifacts.files import LocalArtifact
from debusine.artifacts.rules import check_same_files


class TextReport(ArtifactKind[DataT]):
    """A kind with one text file, whose name is always the same: ``file_name``."""

    file_name: ClassVar[str]

    @classmethod
    @override
    def check_files(cls, data: DataT, files: Mapping[str, Path | None]) -> None:
        check_same_files(cls.title, files, {cls.file_name})

    @classmethod
    @override
    def content_type(cls, path: str) -> str:
        return "text/plain; charset=utf-8"

    @classmethod
    def from_output(cls, path: Path, data: DataT) -> LocalArtifact:
        """Make an artifact of what the program printed."""
        return LocalArtifact(category=cls.category, data=data, files={cls.file_name: path})
