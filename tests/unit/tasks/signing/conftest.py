# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from debusine.tasks.signing.base import SigningTask
from debusine.testing.key_store import MemoryKeyStore
from debusine.testing.resolver import MemoryResolver
from debusine.testing.signing_client import FakeSigningClient

TaskT = TypeVar("TaskT", bound=SigningTask[Any, Any])
WORK_REQUEST = 7


@pytest.fixture
def client() -> FakeSigningClient:
    return FakeSigningClient()


@pytest.fixture
def store() -> MemoryKeyStore:
    return MemoryKeyStore()


@pytest.fixture
def on_worker(
    tmp_path: Path, client: FakeSigningClient, store: MemoryKeyStore
) -> Callable[[TaskT, MemoryResolver], TaskT]:
    """Give a task what the server finds out, and what a worker that holds keys gives it."""

    def start(task: TaskT, resolver: MemoryResolver) -> TaskT:
        resolver.resolve_inputs(task)
        dynamic = task.compute_dynamic_data()
        task.save_field_values(dynamic)
        stored = dynamic.model_dump(mode="json", exclude_unset=True)
        started = type(task)(task.data.model_dump(mode="json", exclude_unset=True), stored)
        started.configure_server_access(client)  # type: ignore[arg-type]  # a fake
        started.configure_key_store(store)
        started.workspace_name = "System"
        started.work_request_id = WORK_REQUEST
        started.set_working_directory(tmp_path / "work")
        return started

    return start
