# SPDX-License-Identifier: GPL-3.0-or-later
"""Which capabilities of workers, said as tags, are which keys of metadata."""

from __future__ import annotations

import shutil
from typing import Any

from debusine.domain.tags import capability_tag
from debusine.tasks.base import BaseExternalTask

Task = type[BaseExternalTask[Any, Any]]


def capability_keys() -> dict[str, set[str]]:
    """
    Keys of metadata by the capability that means the same to some task.

    :returns: as :mod:`debusine.domain.worker_metadata` takes it

    >>> sorted(capability_keys()["mmdebstrap"])
    ['mmdebstrap:available', 'simplesystemimagebuild:available']
    """
    keys: dict[str, set[str]] = {}
    for task in BaseExternalTask.registry.all():
        for text, capability in task.CAPABILITIES.items():
            keys.setdefault(capability, set()).add(task.prefix_with_task_name(text))
    return keys


def metadata_of_programs(task: Task) -> dict[str, bool]:
    """Metadata of a task whose capabilities are programs: which of them are here."""
    return {
        task.prefix_with_task_name(text): shutil.which(program) is not None
        for text, program in task.CAPABILITIES.items()
    }


def tags_of_programs(task: Task) -> set[str]:
    """The same as tags."""
    programs = task.CAPABILITIES.values()
    return {capability_tag(program) for program in programs if shutil.which(program) is not None}
