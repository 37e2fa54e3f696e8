# SPDX-License-Identifier: GPL-3.0-or-later
"""
Fakes for every port, for who writes tasks and tests them.

All of them keep state that a test may look at, and do what the real thing does: both
pass the same tests. They need neither a server nor a database, and no package beside
``debusine`` itself; only :class:`MemoryStore` needs the extra ``server``.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from debusine.testing.clock import FakeClock
from debusine.testing.executor import (
    FakeCall,
    FakeExecutor,
    FakeInstance,
    FakeResult,
    Script,
    scripted_executor,
    succeed,
)
from debusine.testing.packages import write_changes, write_deb, write_dsc
from debusine.testing.resolver import MemoryResolver
from debusine.testing.task_bench import make_task
from debusine.testing.task_client import FakeTaskClient, StoredArtifact

if TYPE_CHECKING:
    from debusine.testing.store import MemoryStore

__all__ = [
    "FakeCall",
    "FakeClock",
    "FakeExecutor",
    "FakeInstance",
    "FakeResult",
    "FakeTaskClient",
    "MemoryResolver",
    "MemoryStore",
    "Script",
    "StoredArtifact",
    "make_task",
    "scripted_executor",
    "succeed",
    "write_changes",
    "write_deb",
    "write_dsc",
]


def __getattr__(name: str) -> Any:
    """Import what needs the server when it is asked for."""
    if name == "MemoryStore":
        return importlib.import_module("debusine.testing.store").MemoryStore
    message = f"module {__name__} has no attribute {name}"
    raise AttributeError(message)
