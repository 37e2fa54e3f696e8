# SPDX-License-Identifier: GPL-3.0-or-later
"""From the name of a backend to its executor, and what this machine can use."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from debusine.domain.executor import BackendType
from debusine.domain.tags import executor_tag
from debusine.errors import BugError, NotFoundError, NotPossibleError
from debusine.tasks.executors.base import Executor
from debusine.util.discovery import load_all


def executors() -> dict[BackendType, type[Executor]]:
    """Every backend that this version knows, whether this machine has it or not."""
    load_all("debusine.tasks.executors")
    found: dict[BackendType, type[Executor]] = {}
    kinds = _below(Executor)  # type: ignore[type-abstract]  # only asked for subclasses
    for kind in kinds:
        if kind.__module__.startswith("debusine.tasks.executors."):
            if kind.backend in found:
                raise BugError(f"two executors for {kind.backend}")
            found[kind.backend] = kind
    return found


def _below(kind: type[Executor]) -> Iterator[type[Executor]]:
    """Subclasses that can be used; what several have in common has no backend."""
    for each in kind.__subclasses__():
        if "backend" in vars(each):
            yield each
        yield from _below(each)


def executor_class(backend: BackendType) -> type[Executor]:
    """
    The executor of a backend.

    :raises NotFoundError: if there is none
    """
    try:
        return executors()[backend]
    except KeyError:
        raise NotFoundError(f"no executor for backend {backend}") from None


def unusable_executors() -> dict[BackendType, NotPossibleError]:
    """Try every backend: those this machine cannot use, and what is missing."""
    found = {}
    for name, kind in executors().items():
        try:
            kind.check_available()
        except NotPossibleError as error:
            found[name] = error
    return found


def executor_metadata(unusable: Collection[BackendType]) -> dict[str, bool]:
    """Availability by key ``executor:BACKEND:available``, as metadata scheduling reads it."""
    return {f"executor:{name}:available": name not in unusable for name in executors()}


def executor_tags(unusable: Collection[BackendType]) -> set[str]:
    """Tags ``worker:executor:BACKEND`` of the backends this machine can use."""
    return {executor_tag(name) for name in executors() if name not in unusable}
