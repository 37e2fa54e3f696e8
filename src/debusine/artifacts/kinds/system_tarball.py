# SPDX-License-Identifier: GPL-3.0-or-later
"""``debian:system-tarball``: a root file system that tasks run in."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator
from typing_extensions import override

from debusine.artifacts.base import ArtifactData, ArtifactKind
from debusine.artifacts.files import LocalArtifact
from debusine.artifacts.rules import check_same_files, check_single, check_url
from debusine.domain.category import ArtifactCategory
from debusine.util.apt_sources import strip_credentials

SUFFIXES = (".tar.zst", ".tar.xz")


def _mirror(text: str) -> str:
    """Check a URL and remove user name and password, which everybody could read."""
    return strip_credentials(check_url(text))


class SystemTarballData(ArtifactData):
    """
    What the root file system is.

    :param mirror: where its packages came from, kept without user name and password
    :param pkglist: version by package
    """

    filename: str
    vendor: str
    codename: str
    mirror: Annotated[str, AfterValidator(_mirror)]
    components: list[str]
    variant: str | None = None
    pkglist: dict[str, str]
    architecture: str
    with_dev: bool
    with_init: bool


class SystemTarball(ArtifactKind[SystemTarballData]):
    """Exactly one archive, called as the data says."""

    category = ArtifactCategory("debian:system-tarball")
    title = "System tarball"
    icon = "hdd"

    @classmethod
    @override
    def label(cls, data: SystemTarballData) -> str:
        return data.filename

    @classmethod
    @override
    def check_files(cls, data: SystemTarballData, files: Mapping[str, Path | None]) -> None:
        check_single(cls.title, files, *SUFFIXES)
        check_same_files(cls.title, files, {data.filename})

    @classmethod
    @override
    def content_type(cls, path: str) -> str:
        return "application/zstd" if path.endswith(".zst") else "application/x-xz"

    @classmethod
    @override
    def architectures(cls, data: SystemTarballData) -> frozenset[str]:
        return frozenset({data.architecture})

    @classmethod
    def from_tarball(cls, path: Path, data: SystemTarballData) -> LocalArtifact:
        """
        Make an artifact of an archive.

        :raises UserError: if its name is not that in the data, or has another suffix
        """
        return LocalArtifact(category=cls.category, data=data, files={path.name: path})
