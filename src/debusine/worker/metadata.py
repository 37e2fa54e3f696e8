# SPDX-License-Identifier: GPL-3.0-or-later
"""What this worker is and can do, as the scheduler wants to know it."""

from __future__ import annotations

import os
import shutil
from typing import Any

from debusine import __version__
from debusine.domain.work_request import TaskTypes
from debusine.errors import DebusineError
from debusine.tasks.executors.registry import executor_metadata, executor_tags
from debusine.tasks.worker_report import analyze_tasks, tags_of_tasks
from debusine.util.command import Command, run
from debusine.worker.directories import memory_info
from debusine.worker.trade import EXTERNAL, Trade

_TIMEOUT_S = 60


def collect_metadata(trade: Trade = EXTERNAL) -> dict[str, Any]:
    """
    Look at this machine.

    :param trade: what kind of worker it is; only tasks of that kind have a say

    :returns: dynamic metadata, keys ``system:...``, those of executors and tasks, and
        ``provided_tags``
    """
    native = native_architecture()
    architectures = runnable_architectures(native)
    tags = tags_of_tasks([trade.task_type])
    metadata = analyze_tasks([trade.task_type])
    if trade.task_type is TaskTypes.WORKER:
        tags |= executor_tags()
        tags |= {f"worker:build-arch:{architecture}" for architecture in architectures}
        metadata |= executor_metadata()
    tags.add(f"worker:type:{trade.worker_type}")
    metadata |= {
        "system:cpu_count": len(os.sched_getaffinity(0)),
        "system:total_physical_memory": memory_info()["MemTotal"],
        "system:worker_type": trade.worker_type,
        "system:worker_version": __version__,
        "system:architectures": architectures,
        "provided_tags": sorted(tags),
    }
    if native is not None:
        metadata["system:native_architecture"] = native
    return metadata


def native_architecture() -> str | None:
    """Architecture that dpkg installs here; None without dpkg."""
    if shutil.which("dpkg") is None:
        return None
    return _ask("dpkg", "--print-architecture")


def runnable_architectures(native: str | None) -> list[str]:
    """Architectures whose programs run here, sorted; just the native one if in doubt."""
    if shutil.which("arch-test") is not None:
        answer = _ask("arch-test", "-n")
        if answer:
            return sorted(answer.split())
    return [native] if native is not None else []


def _ask(*argv: str) -> str | None:
    try:
        return run(Command(list(argv), timeout_s=_TIMEOUT_S)).text.strip() or None
    except DebusineError:
        return None
