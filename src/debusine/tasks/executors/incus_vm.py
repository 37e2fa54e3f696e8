# SPDX-License-Identifier: GPL-3.0-or-later
"""Virtual machines of Incus: a system that boots a kernel of its own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from typing_extensions import override

from debusine.artifacts.kinds.system_image import SystemImage
from debusine.domain.executor import BackendType
from debusine.tasks.executors.disk_image import bootable_disk
from debusine.tasks.executors.images import ImageEntry
from debusine.tasks.executors.incus import IncusExecutor
from debusine.tasks.executors.incus_image import write_metadata
from debusine.tasks.executors.kvm import check_kvm


class IncusVmExecutor(IncusExecutor):
    """System images, booted in virtual machines; the images hold the agent of Incus."""

    backend = BackendType.INCUS_VM
    image_category = SystemImage.category
    driver = "qemu"
    is_machine = True

    @override
    @classmethod
    def check_available(cls) -> None:
        super().check_available()
        check_kvm()

    @override
    def _make_files(self, entry: ImageEntry, directory: Path) -> Sequence[Path]:
        metadata = directory / "metadata.tar"
        write_metadata(metadata, self._description)
        return [metadata, bootable_disk(entry.path, directory)]
