# SPDX-License-Identifier: GPL-3.0-or-later
"""From the name of a backend to its executor, and what this machine can use."""

from __future__ import annotations

from debusine.domain.executor import BackendType
from debusine.errors import BugError, NotFoundError
from debusine.tasks.executors.base import Executor
from debusine.util.discovery import load_all


def executors() -> dict[BackendType, type[Executor]]:
    """Every backend that this version knows, whether this machine has it or not."""
    load_all("debusine.tasks.executors")
    found: dict[BackendType, type[Executor]] = {}
    for kind in Executor.__subclasses__():
        if kind.__module__.startswith("debusine.tasks.executors."):
            if kind.backend in found:
                raise BugError(f"two executors for {kind.backend}")
            found[kind.backend] = kind
    return found


def executor_class(backend: BackendType) -> type[Executor]:
    """
    The executor of a backend.

    :raises NotFoundError: if there is none
    """
    try:
        return executors()[backend]
    except KeyError:
        raise NotFoundError(f"no executor for backend {backend}") from None


def executor_tags() -> set[str]:
    """Tags ``worker:executor:BACKEND`` of the backends this machine can use."""
    return {f"worker:executor:{name}" for name, kind in executors().items() if kind.available()}


def executor_metadata() -> dict[str, bool]:
    """Availability by key ``executor:BACKEND:available``, as metadata scheduling reads it."""
    return {f"executor:{name}:available": kind.available() for name, kind in executors().items()}
