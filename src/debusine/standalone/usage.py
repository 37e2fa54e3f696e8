# SPDX-License-Identifier: GPL-3.0-or-later
"""A server that was started for somebody ends when nobody uses it any more."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from debusine.util.file_lock import FileLock, try_lock

IDLE_S = 2.0
POLL_S = 0.25


async def wait_until_unused(path: Path, *, idle_s: float = IDLE_S) -> FileLock:
    """
    Wait until nobody has held a shared lock on a file for a while.

    :returns: the exclusive lock. Whoever comes now waits for it until we have
        gone, and then starts a server of their own
    """
    unused_since: float | None = None
    while True:
        lock = try_lock(path)
        now = time.monotonic()
        if lock is None:
            unused_since = None
        elif unused_since is None:
            unused_since = now
        elif now - unused_since >= idle_s:
            return lock
        if lock is not None:
            lock.release()
        await asyncio.sleep(POLL_S)
