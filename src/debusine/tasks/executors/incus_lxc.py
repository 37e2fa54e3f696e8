# SPDX-License-Identifier: GPL-3.0-or-later
"""Containers of Incus: a system that boots, on the kernel of the machine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from typing_extensions import override

from debusine.artifacts.kinds.system_tarball import SystemTarball
from debusine.domain.executor import BackendType
from debusine.tasks.executors.images import ImageEntry
from debusine.tasks.executors.incus import IncusExecutor
from debusine.tasks.executors.incus_image import write_container_image


class IncusLxcExecutor(IncusExecutor):
    """System tarballs, booted in containers."""

    backend = BackendType.INCUS_LXC
    image_category = SystemTarball.category
    driver = "lxc"
    is_machine = False

    @override
    def _make_files(self, entry: ImageEntry, directory: Path) -> Sequence[Path]:
        image = directory / "incus.tar.zst"
        write_container_image(entry.path, image, self._description)
        return [image]
