# SPDX-License-Identifier: GPL-3.0-or-later
"""A program whose directory lies on a small disk that nobody else sees."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path


def on_small_disk(directory: Path, *, size_mib: int) -> list[str]:
    """
    Make the beginning of a command that runs the rest of it in a mount namespace.

    :param directory: made if need be; empty in there
    """
    directory.mkdir(parents=True, exist_ok=True)
    # who is not root keeps its user id, but may mount in a namespace of its own
    lent = [] if os.geteuid() == 0 else ["--user", "--map-current-user", "--keep-caps"]
    mount = f'mount -t tmpfs -o mode=755,size={size_mib}m tmpfs "$0" && exec "$@"'
    return [
        "unshare", *lent, "--mount", "--propagation", "private",
        "sh", "-c", mount, str(directory),
    ]  # fmt: skip


def inside(pid: int, path: Path) -> Path:
    """A path as a process sees it."""
    return Path(f"/proc/{pid}/root") / path.relative_to("/")


def enlarge(pid: int, directory: Path, *, size_mib: int) -> None:
    """Give the disk of a program more room."""
    user = [] if os.geteuid() == 0 else ["--user", "--preserve-credentials"]
    options = f"remount,size={size_mib}m"
    subprocess.run(  # noqa: TID251  a test's own tool
        ["nsenter", "--target", str(pid), *user, "--mount",
         "mount", "-o", options, str(directory)],
        check=True,
    )  # fmt: skip
