# SPDX-License-Identifier: GPL-3.0-or-later
"""Which system images this machine keeps."""

from __future__ import annotations

import os
from pathlib import Path

from debusine.client.local_agent import IMAGES
from debusine.tasks.executors.image_limits import CacheLimits, write_limits
from debusine.tasks.executors.images import LIMITS
from debusine.worker.config import WorkerConfig
from debusine.worker.user import Account

MIB = 1024**2


def make_image_cache(working: Path, account: Account, config: WorkerConfig) -> Path:
    """
    Make the place for images below a working directory, and say what is kept there.

    :param account: who runs tasks, and keeps images
    """
    directory = working / IMAGES
    directory.mkdir(exist_ok=True)
    write_limits(directory / LIMITS, limits_of(config))
    if os.geteuid() == 0:
        os.chown(directory, account.uid, account.gid)
    return directory


def limits_of(config: WorkerConfig) -> CacheLimits:
    """What an administrator lets a worker keep."""
    said = {
        "size_bytes": None if config.cache_mib is None else config.cache_mib * MIB,
        "age_days": config.cache_days,
    }
    return CacheLimits.model_validate({k: v for k, v in said.items() if v is not None})
