# SPDX-License-Identifier: GPL-3.0-or-later
"""From the name of a task to its class."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Any, Generic, TypeVar

import structlog

from debusine.domain.work_request import TaskTypes
from debusine.tasks.plugins import BrokenPlugin, TaskNameTakenError, find_plugins, load_plugin
from debusine.util.discovery import load_all

log = structlog.get_logger(__name__)

KINDS_PACKAGE = "debusine.tasks.kinds"
SIGNING_PACKAGE = "debusine.tasks.signing"

# a work request of these two is found by name alone in some places
_SHARE_NAMES = {TaskTypes.WORKER: TaskTypes.SERVER, TaskTypes.SERVER: TaskTypes.WORKER}

T = TypeVar("T", bound=type[Any])


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

        :raises TaskNameTakenError: if another has the name; Worker and Server tasks share names
        """
        for other_type in (task_type, _SHARE_NAMES.get(task_type, task_type)):
            other = self.classes[other_type].get(name)
            if other is not None and _path(other) != _path(cls):
                message = f"two tasks are called {name!r}: {_path(other)} and {_path(cls)}"
                raise TaskNameTakenError(message)
        self.classes[task_type][name] = cls

    def forget(self, classes: Iterable[T]) -> None:
        """Let classes leave."""
        for cls in classes:
            for named in self.classes.values():
                for name in [name for name, each in named.items() if each is cls]:
                    del named[name]

    def registered(self) -> list[T]:
        """Every class that has joined by now, sorted by type and name."""
        return [
            classes[name] for _, classes in sorted(self.classes.items()) for name in sorted(classes)
        ]

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
        return self.registered()


def _path(cls: type[Any]) -> str:
    # not the class itself: a module that is loaded anew brings a new one
    return f"{cls.__module__}.{cls.__qualname__}"


TASKS: Registry[type[Any]] = Registry()
"""Where every task class joins."""


class _Loader:
    """Imports every task, once, whichever thread asks first."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._packages = [KINDS_PACKAGE, SIGNING_PACKAGE]
        self._is_running = False
        self._is_logged = False
        self._has_all = False
        self._has_plugins = False
        self._broken: tuple[BrokenPlugin, ...] = ()

    def add(self, package: str) -> None:
        with self._lock:
            if package not in self._packages:
                self._packages.append(package)
                self._has_all = False

    def load(self, *, quiet: bool) -> tuple[BrokenPlugin, ...]:
        with self._lock:
            # a plug-in may ask for other tasks while it is imported
            if self._is_running:
                return ()
            if not self._has_all:
                self._is_running = True
                try:
                    self._import()
                finally:
                    self._is_running = False
            if not (quiet or self._is_logged):
                self._is_logged = True
                for plugin in self._broken:
                    _log(plugin)
            return self._broken

    def _import(self) -> None:
        for package in self._packages:
            load_all(package)
        if not self._has_plugins:
            self._broken = tuple(
                broken for point in find_plugins() for broken in load_plugin(point, TASKS)
            )
        self._has_plugins = self._has_all = True


def _log(plugin: BrokenPlugin) -> None:
    log.error(
        "plugin-broken",
        package=plugin.package,
        entry_point=plugin.entry_point,
        reason=plugin.brief,
        remedy=plugin.remedy,
        **({"traceback": plugin.details} if plugin.details else {}),
    )


_loader = _Loader()


def add_package(package: str) -> None:
    """
    Have the tasks of another package of this program known, from the next look-up on.

    :param package: one file per task, as in ``debusine.tasks.kinds``
    """
    _loader.add(package)


def load_kinds() -> None:
    """
    Import every task: those of this package, and those that others install.

    What others install and cannot be used is left out, and logged once.
    """
    _loader.load(quiet=False)


def broken_plugins() -> tuple[BrokenPlugin, ...]:
    """Import every task; returns what other packages install and cannot be used."""
    return _loader.load(quiet=True)
