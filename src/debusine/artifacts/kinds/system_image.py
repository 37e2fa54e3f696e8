# SPDX-License-Identifier: GPL-3.0-or-later
"""``debian:system-image``: a disk that virtual machines boot from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from typing_extensions import override

from debusine.artifacts.base import ArtifactKind
from debusine.artifacts.files import LocalArtifact
from debusine.artifacts.kinds.system_tarball import SystemTarballData
from debusine.artifacts.rules import check_same_files, check_single
from debusine.domain.category import ArtifactCategory

SUFFIX_OF_FORMAT = {"raw": ".tar.xz", "qcow2": ".qcow2"}


class SystemImageData(SystemTarballData):
    """What the disk is; ``size`` in bytes."""

    image_format: Literal["raw", "qcow2"]
    filesystem: str
    size: int
    boot_mechanism: Literal["efi", "bios"]


class SystemImage(ArtifactKind[SystemImageData]):
    """Exactly one image: ``root.img`` in a tarball, or qcow2."""

    category = ArtifactCategory("debian:system-image")
    title = "System image"
    icon = "device-hdd"

    @classmethod
    @override
    def label(cls, data: SystemImageData) -> str:
        return data.filename

    @classmethod
    @override
    def check_files(cls, data: SystemImageData, files: Mapping[str, Path | None]) -> None:
        check_single(cls.title, files, SUFFIX_OF_FORMAT[data.image_format])
        check_same_files(cls.title, files, {data.filename})

    @classmethod
    @override
    def content_type(cls, path: str) -> str:
        return "application/octet-stream"

    @classmethod
    @override
    def architectures(cls, data: SystemImageData) -> frozenset[str]:
        return frozenset({data.architecture})

    @classmethod
    def from_image(cls, path: Path, data: SystemImageData) -> LocalArtifact:
        """
        Make an artifact of an image.

        :raises UserError: if its name is not that in the data, or has another suffix
        """
        return LocalArtifact(category=cls.category, data=data, files={path.name: path})
