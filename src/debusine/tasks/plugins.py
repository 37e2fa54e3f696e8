# SPDX-License-Identifier: GPL-3.0-or-later
"""
Tasks that other packages install.

A package names its tasks by entry points of the group ``debusine.tasks``: each is a class
(``count = "my_package.tasks:Count"``) or a module that defines some. One that cannot be
used is described, and nothing else suffers from it.
"""

from __future__ import annotations

import inspect
import re
import sys
import traceback
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from typing import Any, Protocol, TypeGuard

from debusine.domain.work_request import TaskTypes
from debusine.tasks.models import BaseDynamicTaskData, BaseTaskData

GROUP = "debusine.tasks"
BASE = "debusine.tasks.BaseExternalTask"

# it becomes part of tags
_NAME = re.compile(r"[a-z0-9_-]+")

TaskClass = type[Any]
Problem = tuple[str, str]
"""What is wrong, and what to do."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BrokenPlugin:
    """
    An entry point whose tasks cannot be used.

    :param package: name and version of what installed it
    :param entry_point: as it is written, ``NAME = MODULE:CLASS``
    :param brief: what is wrong, one line
    :param remedy: what its author does; who only installed it can remove it
    :param details: traceback of what its code raised, or empty
    """

    package: str
    entry_point: str
    brief: str
    remedy: str
    details: str = ""


class TaskNameTakenError(AssertionError):
    """Another task has the name."""


class KnownTasks(Protocol):
    """What is asked of the registry."""

    def registered(self) -> list[TaskClass]:
        """Every class that has joined by now."""
        ...

    def forget(self, classes: Iterable[TaskClass]) -> None:
        """Let classes leave."""
        ...


def find_plugins() -> list[EntryPoint]:
    """List the entry points of everything that is installed, sorted by name."""
    return sorted(entry_points(group=GROUP), key=lambda point: (point.name, point.value))


def load_plugin(point: EntryPoint, registry: KnownTasks) -> list[BrokenPlugin]:
    """
    Import what an entry point names, and check its tasks; those that cannot be used leave.

    :returns: what is wrong; usually empty
    """
    try:
        found = point.load()
    except TaskNameTakenError as error:
        broken = _broken(point, str(error), "Give the task another TASK_NAME.")
    except ModuleNotFoundError as error:
        brief = f"there is no module {error.name}"
        remedy = "Install it where debusine is installed, or correct the entry point."
        broken = _broken(point, brief, remedy, details=traceback.format_exc())
    except (Exception, SystemExit) as error:  # noqa: BLE001  a stranger's code may raise anything
        brief = f"its import raises {type(error).__name__}: {error}"
        remedy = f'Mend it; this shows where: python3 -c "import {point.module}".'
        if isinstance(error, AttributeError) and point.module in sys.modules:
            # what fails to be imported does not stay there
            brief = f"module {point.module} has no {point.attr}"
            remedy = f"Define {point.attr} in it, or correct the entry point."
        broken = _broken(point, brief, remedy, details=traceback.format_exc())
    else:
        return [_broken(point, *problem) for problem in _problems(found, registry)]
    registry.forget(_tasks_in(point.module, registry))
    return [broken]


def _tasks_in(module: str, registry: KnownTasks) -> list[TaskClass]:
    return [cls for cls in registry.registered() if f"{cls.__module__}.".startswith(f"{module}.")]


def _problems(found: object, registry: KnownTasks) -> Iterator[Problem]:
    if inspect.ismodule(found):
        named = [cls for cls in registry.registered() if cls in vars(found).values()]
        classes = list(dict.fromkeys([*_tasks_in(found.__name__, registry), *named]))
        if not classes:
            yield _why_none(found)
    elif not _is_task(found):
        yield f"{found!r} is not a task", f"Derive it from {BASE} or another class of {GROUP}."
        return
    elif inspect.isabstract(found):
        yield _abstract(found)
        return
    else:
        classes = [found]
    for cls in classes:
        if (problem := _problem_of(cls)) is not None:
            registry.forget([cls])
            yield problem


def _is_task(value: object) -> TypeGuard[TaskClass]:
    return isinstance(value, type) and hasattr(value, "task_data_type")


def _why_none(module: ModuleType) -> Problem:
    for value in vars(module).values():
        if _is_task(value) and value.__module__ == module.__name__:
            return _abstract(value)
    return (
        f"module {module.__name__} defines no task",
        f"Derive a class in it from {BASE} or another class of {GROUP}.",
    )


def _abstract(cls: TaskClass) -> Problem:
    missing = ", ".join(sorted(cls.__abstractmethods__))
    return f"{cls.__name__} is abstract: it lacks {missing}", f"Write {missing}."


def _problem_of(cls: TaskClass) -> Problem | None:
    return _problem_of_attributes(cls) or _problem_of_models(cls)


def _problem_of_attributes(cls: TaskClass) -> Problem | None:
    name, capabilities = cls.__name__, cls.CAPABILITIES
    if not isinstance(cls.TASK_VERSION, int):
        return (
            f"{name} has no TASK_VERSION",
            f"Set TASK_VERSION = 1 in {name}; add one whenever what it does changes.",
        )
    if not isinstance(cls.TASK_TYPE, TaskTypes):
        return (
            f"{name} has TASK_TYPE {cls.TASK_TYPE!r}",
            "Use a member of debusine.domain.work_request.TaskTypes.",
        )
    if not _NAME.fullmatch(cls.name):
        return (
            f"{name} is called {cls.name!r}, which cannot be part of a tag",
            f"Give {name} a TASK_NAME of letters from a to z, digits, '-' and '_'.",
        )
    if not isinstance(capabilities, Mapping) or not all(
        isinstance(text, str) for pair in capabilities.items() for text in pair
    ):
        return (
            f"{name} has CAPABILITIES that are no texts by texts",
            'Write them as {"available": "sbuild"}: capability by key of metadata.',
        )
    return None


def _problem_of_models(cls: TaskClass) -> Problem | None:
    name = cls.__name__
    for model, base in (
        (cls.task_data_type, BaseTaskData),
        (cls.dynamic_task_data_type, BaseDynamicTaskData),
    ):
        if not (isinstance(model, type) and issubclass(model, base)):
            return (
                f"{name} has {model} in place of a {base.__name__}",
                f"Name both models where {name} names its base: RunCommandTask[Data, Dynamic].",
            )
        try:
            model.model_rebuild()
        except Exception as error:  # noqa: BLE001  pydantic passes on what annotations raise
            return (
                f"model {model.__name__} of {name} cannot be used: {error}",
                f"Mend the types of the fields of {model.__name__}.",
            )
    return None


def _broken(point: EntryPoint, brief: str, remedy: str, *, details: str = "") -> BrokenPlugin:
    return BrokenPlugin(
        package=f"{point.dist.name} {point.dist.version}" if point.dist else "a package",
        entry_point=f"{point.name} = {point.value}",
        brief=brief.partition("\n")[0],
        remedy=remedy,
        details=details,
    )
