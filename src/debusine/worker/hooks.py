# SPDX-License-Identifier: GPL-3.0-or-later
"""What an administrator wants to run after each work request."""

from __future__ import annotations

import asyncio
from pathlib import Path

import structlog

HOOKS = Path("/etc/debusine/worker/hooks/after-work-request.d")
_TIMEOUT_S = 600

log = structlog.get_logger(__name__)


def _has_programs(directory: Path) -> bool:
    return directory.is_dir() and any(directory.iterdir())


async def run_hooks(directory: Path = HOOKS) -> None:
    """Run every program of a directory; failures are only logged."""
    if not _has_programs(directory):
        return
    try:
        process = await asyncio.create_subprocess_exec(
            "run-parts", str(directory), stdin=asyncio.subprocess.DEVNULL
        )
    except OSError as error:
        log.warning("hooks-failed", problem=str(error))
        return
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            status = await process.wait()
    except TimeoutError:
        process.kill()
        status = await process.wait()
    if status != 0:
        log.warning("hooks-failed", status=status)
