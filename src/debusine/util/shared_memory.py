# SPDX-License-Identifier: GPL-3.0-or-later
"""
What keeps a sandbox from having ``/dev/shm``.

In a user namespace, the kernel binds no directory without what is mounted below it
(mount_namespaces(7), "locked mounts"), and mmdebstrap binds ``/dev/shm`` alone.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from debusine.errors import NotPossibleError
from debusine.util.userns import mounts_inside

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108  the kernel's own


def unmounting(points: Sequence[Path]) -> str:
    """Command that mends it."""
    return f"umount {shlex.join(map(str, points))}   # as an administrator"


def check_shared_memory(directory: Path = SHARED_MEMORY) -> None:
    """
    Find out whether a sandbox can have the directory.

    :raises NotPossibleError: if something is mounted below it
    """
    points = mounts_inside(directory)
    if points:
        named = ", ".join(map(str, points))
        raise NotPossibleError(
            f"no system can be made while something is mounted below {directory}: {named}",
            details="mmdebstrap needs the directory for the new system, and the kernel lends it to"
            " a user namespace only with all that is mounted in it.",
            resolution=f"Wait until whoever uses it is done, or: {unmounting(points)}",
        )
