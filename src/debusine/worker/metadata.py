# SPDX-License-Identifier: GPL-3.0-or-later
"""What this worker is and can do, as the scheduler wants to know it."""

from __future__ import annotations

import os
import shutil
from typing import Any

from debusine import __version__
from debusine.errors import DebusineError
from debusine.tasks import analyze_external_worker_tasks, get_provided_external_worker_tags
from debusine.tasks.executors.registry import executor_metadata, executor_tags
from debusine.util.command import Command, run
from debusine.worker.directories import memory_info

WORKER_TYPE = "external"
_TIMEOUT_S = 60


def collect_metadata() -> dict[str, Any]:
    """
    Look at this machine.

    :returns: dynamic metadata, keys ``system:...``, those of executors and tasks, and
        ``provided_tags``
    """
    native = native_architecture()
    architectures = runnable_architectures(native)
    tags = executor_tags() | get_provided_external_worker_tags()
    tags |= {f"worker:build-arch:{architecture}" for architecture in architectures}
    tags.add(f"worker:type:{WORKER_TYPE}")
    metadata = {
        **executor_metadata(),
        **analyze_external_worker_tasks(),
        "system:cpu_count": len(os.sched_getaffinity(0)),
        "system:total_physical_memory": memory_info()["MemTotal"],
        "system:worker_type": WORKER_TYPE,
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
