# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tasks of this machine say about it to the scheduler."""

from __future__ import annotations

import json
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

    :returns: values by key, such as ``sbuild:version``; tasks that raise, or answer something
        that is no JSON, are left out

    >>> analyze_external_worker_tasks()["noop:version"]
    1
    """
    return analyze_tasks(TASK_TYPES)


def analyze_tasks(task_types: Collection[TaskTypes]) -> dict[str, Any]:
    """Metadata that tasks of some types contribute, see above."""
    metadata: dict[str, Any] = {}
    for answer in _answers(task_types, _metadata_of):
        metadata.update(answer)
    return metadata


def get_provided_external_worker_tags() -> set[str]:
    """
    Worker tags that every task that is known here contributes.

    :returns: such as ``worker:task:worker:noop:version:1``; tasks that raise, or answer
        something else than tags, are left out

    >>> "worker:task:worker:noop:version:1" in get_provided_external_worker_tags()
    True
    """
    return tags_of_tasks(TASK_TYPES)


def tags_of_tasks(task_types: Collection[TaskTypes]) -> set[str]:
    """Worker tags that tasks of some types contribute, see above."""
    tags: set[str] = set()
    for answer in _answers(task_types, _tags_of):
        tags.update(answer)
    return tags


def tasks_that_raise() -> dict[Task, BaseException]:
    """Tasks that cannot say what this machine is to them, and why."""
    found: dict[Task, BaseException] = {}
    broken_plugins()  # loads without logging: who asks here shows what is wrong
    for task in BaseExternalTask.registry.registered():
        try:
            _metadata_of(task)
            _tags_of(task)
        except (Exception, SystemExit) as error:  # noqa: BLE001  whatever a stranger's code raises
            found[task] = error
    return found


def _answers(task_types: Collection[TaskTypes], question: Callable[[Task], T]) -> Iterator[T]:
    for task in BaseExternalTask.registry.all():
        if task.TASK_TYPE not in task_types:
            continue
        try:
            yield question(task)
        except (Exception, SystemExit):  # one task must not keep a worker from doing the others
            if task not in _reported:
                _reported.add(task)
                log.exception("task-analysis-failed", task=task.name, module=task.__module__)


def _metadata_of(task: Task) -> dict[str, Any]:
    """What a task says of this machine; it is sent to the server as JSON."""
    answer: object = task.analyze_worker()
    if not isinstance(answer, dict) or not all(isinstance(key, str) for key in answer):
        message = f"analyze_worker returns {answer!r:.200} instead of a dictionary of texts"
        raise TypeError(message)
    json.dumps(answer, allow_nan=False)
    return answer


def _tags_of(task: Task) -> set[str]:
    answer: object = task.get_provided_worker_tags()
    if not isinstance(answer, set) or not all(isinstance(tag, str) for tag in answer):
        message = f"get_provided_worker_tags returns {answer!r:.200} instead of a set of texts"
        raise TypeError(message)
    return answer
