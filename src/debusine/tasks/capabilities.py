# SPDX-License-Identifier: GPL-3.0-or-later
"""Which capabilities of workers, said as tags, are which keys of metadata."""

from __future__ import annotations

import shutil
from typing import Any, Generic

from typing_extensions import TypeVar, override

from debusine.domain.tags import capability_tag
from debusine.tasks.base import BaseExternalTask
from debusine.tasks.models import BaseDynamicTaskData, BaseTaskData

TD = TypeVar("TD", bound=BaseTaskData)
DTD = TypeVar("DTD", bound=BaseDynamicTaskData, default=BaseDynamicTaskData)

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


class ProgramsMixin(BaseExternalTask[TD, DTD], Generic[TD, DTD]):
    """Runs only where its ``CAPABILITIES``, which are names of programs, are."""

    @classmethod
    @override
    def analyze_worker(cls) -> dict[str, Any]:
        return super().analyze_worker() | metadata_of_programs(cls)

    @classmethod
    @override
    def get_provided_worker_tags(cls) -> set[str]:
        return super().get_provided_worker_tags() | tags_of_programs(cls)

    def needed_tools(self) -> dict[str, str]:
        """
        Say which programs this task needs, with its data.

        :returns: capability by key of metadata; at first, all ``CAPABILITIES``
        """
        return {self.prefix_with_task_name(key): tool for key, tool in self.CAPABILITIES.items()}

    @override
    def compute_system_required_tags(self) -> set[str]:
        needed = {capability_tag(tool) for tool in self.needed_tools().values()}
        return super().compute_system_required_tags() | needed

    @override
    def can_run_on(self, worker_metadata: dict[str, Any]) -> bool:
        return super().can_run_on(worker_metadata) and all(
            worker_metadata.get(key) is True for key in self.needed_tools()
        )
