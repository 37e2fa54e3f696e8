# SPDX-License-Identifier: GPL-3.0-or-later
"""The technologies that isolate a task."""

from __future__ import annotations

from enum import StrEnum


class BackendType(StrEnum):
    """Name of an executor; ``auto`` leaves the choice to the task."""

    AUTO = "auto"
    UNSHARE = "unshare"
    INCUS_LXC = "incus-lxc"
    INCUS_VM = "incus-vm"
    QEMU = "qemu"


INCUS = frozenset({BackendType.INCUS_LXC, BackendType.INCUS_VM})
