# SPDX-License-Identifier: GPL-3.0-or-later
"""Virtual machines that tools start by themselves: sbuild and autopkgtest do."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from typing_extensions import override

from debusine.artifacts.kinds.system_image import SystemImage
from debusine.domain.executor import BackendType
from debusine.errors import NotPossibleError
from debusine.tasks.executors.base import (
    Executor,
    ImageImportError,
    ImageNotDownloadedError,
    Instance,
)
from debusine.tasks.executors.disk_image import DISK, bootable_disk
from debusine.tasks.executors.images import ImageCache, ImageEntry
from debusine.tasks.executors.kvm import check_kvm

SERVER = "qemu"
# what autopkgtest-virt-qemu runs in the guest
NEEDED_PACKAGE = "python3-minimal"


class QemuExecutor(Executor):
    """System images, for what starts QEMU itself; there are no instances."""

    backend = BackendType.QEMU
    image_category = SystemImage.category
    _entry: ImageEntry | None = None
    _disk: Path | None = None

    @override
    @classmethod
    def check_available(cls) -> None:
        program = f"autopkgtest-virt-{SERVER}"
        if shutil.which(program) is None:
            raise NotPossibleError(
                f"program not found: {program}",
                resolution="As an administrator: apt-get install autopkgtest qemu-utils",
            )
        check_kvm()

    @override
    def download_image(self) -> str:
        data = self.system_image.data
        if NEEDED_PACKAGE not in _mapping(data.get("pkglist")):
            raise ImageImportError(
                f"image {self.system_image.id} has no {NEEDED_PACKAGE}",
                resolution=f"Make one with `extra_packages: [{NEEDED_PACKAGE}]`.",
            )
        cache = ImageCache(self.options.cache_directory)
        # leased as long as we have it
        self._entry = entry = cache.fetch(
            self.client, self.system_image, self.backend, workspace=self.workspace
        )
        with entry.locked():
            self._disk = self._make_disk(entry)
        return self.image_name()

    def _make_disk(self, entry: ImageEntry) -> Path:
        directory = entry.backend_directory(self.backend)
        made = directory / DISK
        if made.exists():
            return made
        directory.mkdir(parents=True, exist_ok=True)
        partial = directory / "partial"
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        disk = bootable_disk(entry.path, partial)
        if disk != entry.path:
            disk = disk.rename(made)
        shutil.rmtree(partial)
        return disk

    @override
    def image_name(self) -> str:
        if self._disk is None:
            raise ImageNotDownloadedError(f"image {self.system_image.id} is not downloaded yet")
        return str(self._disk)

    @override
    def create(self) -> Instance:
        self.image_name()
        raise NotPossibleError(
            "backend qemu is for tasks that start a virtual machine by themselves",
            resolution="Choose backend unshare, incus-lxc or incus-vm for this task.",
        )

    @override
    def autopkgtest_virt_server(self) -> str:
        return SERVER

    @override
    def autopkgtest_virt_args(self) -> list[str]:
        data = self.system_image.data
        return [
            f"--boot={data['boot_mechanism']}",
            f"--dpkg-architecture={data['architecture']}",
            self.image_name(),
        ]


def _mapping(value: Any) -> dict[str, Any]:
    """What another machine says is a mapping, if it is one."""
    return value if isinstance(value, dict) else {}
