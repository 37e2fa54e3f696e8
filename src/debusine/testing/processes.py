# SPDX-License-Identifier: GPL-3.0-or-later
"""Look at the processes of this machine, of which some should have ended."""

from __future__ import annotations

import os
from pathlib import Path


def is_alive(pid: int) -> bool:
    """Whether a process exists and is no zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


def processes_of(needle: str) -> list[str]:
    """Command lines that have a text in them; words are parted by a space."""
    found = []
    # a glob looks whether each is still there, and stumbles over what has just ended
    for number in filter(str.isdecimal, os.listdir("/proc")):  # noqa: PTH208
        path = Path("/proc", number, "cmdline")
        try:
            line = path.read_bytes().rstrip(b"\0").replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if needle in line:
            found.append(line)
    return found
