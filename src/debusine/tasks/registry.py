# SPDX-License-Identifier: GPL-3.0-or-later
"""From the name of a task to its class."""

from __future__ import annotations

from functools import cache
from importlib.metadata import entry_points
from typing import Any, Generic, TypeVar

from debusine.domain.work_request import TaskTypes
from debusine.util.discovery import load_all

KINDS_PACKAGE = "debusine.tasks.kinds"
ENTRY_POINTS_GROUP = "debusine.tasks"

# a work request of these two is found by name alone in some places
_SHARE_NAMES = {TaskTypes.WORKER: TaskTypes.SERVER, TaskTypes.SERVER: TaskTypes.WORKER}

T = TypeVar("T", bound=type[Any])


@cache
def load_kinds() -> None:
    """Import every task: those of this package, and those that others install."""
    load_all(KINDS_PACKAGE)
    for entry_point in entry_points(group=ENTRY_POINTS_GROUP):
        entry_point.load()


class Registry(Generic[T]):
    """
    The task classes there are, by type and name.

    A class joins it when it is created.
    """

    def __init__(self) -> None:
        self.classes: dict[TaskTypes, dict[str, T]] = {task_type: {} for task_type in TaskTypes}

    def register(self, cls: T, *, task_type: TaskTypes, name: str) -> None:
        """
        Add a class.

        :raises AssertionError: if another has the name; Worker and Server tasks share names
        """
        for other_type in (task_type, _SHARE_NAMES.get(task_type, task_type)):
            other = self.classes[other_type].get(name)
            if other is not None and _path(other) != _path(cls):
                message = f"two tasks are called {name!r}: {_path(other)} and {_path(cls)}"
                raise AssertionError(message)
        self.classes[task_type][name] = cls

    def find(self, task_type: TaskTypes, name: str) -> T:
        """
        The class of a task.

        :param name: in any case
        :raises ValueError: if there is no such type or name
        """
        load_kinds()
        try:
            classes = self.classes[TaskTypes(task_type)]
        except ValueError as error:
            message = f"{task_type!r} is not a known task type"
            raise ValueError(message) from error
        try:
            return classes[name.lower()]
        except KeyError as error:
            message = f"{name!r} is not a known {task_type} task name"
            raise ValueError(message) from error

    def all(self) -> list[T]:
        """Every class, sorted by type and name."""
        load_kinds()
        return [
            classes[name] for _, classes in sorted(self.classes.items()) for name in sorted(classes)
        ]


def _path(cls: type[Any]) -> str:
    # not the class itself: a module that is loaded anew brings a new one
    return f"{cls.__module__}.{cls.__qualname__}"
