# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tasks of this machine say about it to the scheduler."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import Any, TypeVar

import structlog

from debusine.domain.work_request import TaskTypes
from debusine.tasks.base import BaseExternalTask
from debusine.tasks.registry import broken_plugins

log = structlog.get_logger(__name__)

T = TypeVar("T")
Task = type[BaseExternalTask[Any, Any]]

TASK_TYPES = frozenset(TaskTypes)

_reported: set[Task] = set()


def analyze_external_worker_tasks() -> dict[str, Any]:
    """
    Metadata that every task that is known here contributes.

    :returns: values by key, such as ``sbuild:version``; tasks that raise are left out

    >>> analyze_external_worker_tasks()["noop:version"]
    1
    """
    return analyze_tasks(TASK_TYPES)


def analyze_tasks(task_types: Collection[TaskTypes]) -> dict[str, Any]:
    """Metadata that tasks of some types contribute, see above."""
    metadata: dict[str, Any] = {}
    for answer in _answers(task_types, lambda task: task.analyze_worker()):
        metadata.update(answer)
    return metadata


def get_provided_external_worker_tags() -> set[str]:
    """
    Worker tags that every task that is known here contributes.

    :returns: such as ``worker:task:worker:noop:version:1``; tasks that raise are left out

    >>> "worker:task:worker:noop:version:1" in get_provided_external_worker_tags()
    True
    """
    return tags_of_tasks(TASK_TYPES)


def tags_of_tasks(task_types: Collection[TaskTypes]) -> set[str]:
    """Worker tags that tasks of some types contribute, see above."""
    tags: set[str] = set()
    for answer in _answers(task_types, lambda task: task.get_provided_worker_tags()):
        tags.update(answer)
    return tags


def tasks_that_raise() -> dict[Task, Exception]:
    """Tasks that cannot say what this machine is to them, and why."""
    found = {}
    broken_plugins()  # loads without logging: who asks here shows what is wrong
    for task in BaseExternalTask.registry.registered():
        try:
            task.analyze_worker()
            task.get_provided_worker_tags()
        except Exception as error:  # noqa: BLE001  whatever a stranger's code raises
            found[task] = error
    return found


def _answers(task_types: Collection[TaskTypes], question: Callable[[Task], T]) -> Iterator[T]:
    for task in BaseExternalTask.registry.all():
        if task.TASK_TYPE not in task_types:
            continue
        try:
            yield question(task)
        except Exception:  # one task must not keep a worker from doing the others
            if task not in _reported:
                _reported.add(task)
                log.exception("task-analysis-failed", task=task.name, module=task.__module__)
