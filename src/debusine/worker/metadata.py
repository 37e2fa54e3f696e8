# SPDX-License-Identifier: GPL-3.0-or-later
"""What this worker is and can do, as the scheduler wants to know it."""

from __future__ import annotations

import os
from typing import Any

from debusine import __version__
from debusine.domain.tags import build_architecture_tag, emulation_tag
from debusine.domain.work_request import TaskTypes
from debusine.tasks.executors.registry import (
    executor_metadata,
    executor_tags,
    unusable_executors,
)
from debusine.tasks.worker_report import analyze_tasks, tags_of_tasks
from debusine.worker.architectures import find_architectures
from debusine.worker.directories import memory_info
from debusine.worker.trade import EXTERNAL, Trade


def collect_metadata(trade: Trade = EXTERNAL) -> dict[str, Any]:
    """
    Look at this machine.

    :param trade: what kind of worker it is; only tasks of that kind have a say

    :returns: dynamic metadata, keys ``system:...``, those of executors and tasks, and
        ``provided_tags``
    """
    found = find_architectures()
    tags = tags_of_tasks([trade.task_type])
    metadata = analyze_tasks([trade.task_type])
    if trade.task_type is TaskTypes.WORKER:
        # some are tried by running something
        unusable = unusable_executors()
        tags |= executor_tags(unusable)
        tags |= {build_architecture_tag(architecture) for architecture in found.all}
        tags |= {emulation_tag(architecture) for architecture in found.emulated}
        metadata |= executor_metadata(unusable)
    tags.add(f"worker:type:{trade.worker_type}")
    metadata |= {
        "system:cpu_count": len(os.sched_getaffinity(0)),
        "system:total_physical_memory": memory_info()["MemTotal"],
        "system:worker_type": trade.worker_type,
        "system:worker_version": __version__,
        "system:architectures": found.all,
        "provided_tags": sorted(tags),
    }
    if found.native is not None:
        metadata["system:native_architecture"] = found.native
    if found.emulated:
        metadata["system:emulated_architectures"] = list(found.emulated)
    return metadata
