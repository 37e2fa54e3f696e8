# SPDX-License-Identifier: GPL-3.0-or-later
"""``debian:repository-index``: a file that APT finds packages by."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from typing_extensions import override

from debusine.artifacts.base import ArtifactData, ArtifactKind
from debusine.artifacts.files import LocalArtifact, check_artifact_path
from debusine.artifacts.rules import check_same_files
from debusine.domain.category import ArtifactCategory


class RepositoryIndexData(ArtifactData):
    """``path`` is relative to the suite or the archive; only old artifacts lack it."""

    path: str | None = None


class RepositoryIndex(ArtifactKind[RepositoryIndexData]):
    """Exactly one file, called as the last part of its path."""

    category = ArtifactCategory("debian:repository-index")
    title = "Repository index"
    icon = "card-list"

    @classmethod
    @override
    def label(cls, data: RepositoryIndexData) -> str:
        return data.path or str(cls.category)

    @classmethod
    @override
    def check_files(cls, data: RepositoryIndexData, files: Mapping[str, Path | None]) -> None:
        path = data.path or ""
        check_artifact_path(path)
        check_same_files(cls.title, files, {PurePosixPath(path).name})

    @classmethod
    def from_file(cls, local: Path, path: str) -> LocalArtifact:
        """
        Make an artifact of an index.

        :param path: relative to the suite or the archive
        """
        return LocalArtifact(
            category=cls.category,
            data=RepositoryIndexData(path=path),
            files={PurePosixPath(path).name: local},
        )
