# SPDX-License-Identifier: GPL-3.0-or-later
"""Take a task the way it goes: looked up on a server, run on a worker."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar, cast

from debusine.artifacts.files import LocalArtifact
from debusine.client.debusine import Debusine
from debusine.tasks import BaseExternalTask
from debusine.testing.executor import Script, scripted_executor
from debusine.testing.resolver import MemoryResolver
from debusine.testing.task_client import FakeTaskClient
from debusine.util.apt_access import AptAccess

TaskT = TypeVar("TaskT", bound=BaseExternalTask[Any, Any])


def add_local(client: FakeTaskClient, artifact_id: int, local: LocalArtifact) -> None:
    """Let an artifact made of files exist on a server."""
    files = {path: file.read_bytes() for path, file in local.files.items()}
    data = local.data.model_dump(mode="json", exclude_unset=True)
    client.add(artifact_id, local.category, data, files)


def looked_up(task: TaskT, client: FakeTaskClient) -> TaskT:
    """
    Resolve the inputs of a task from the artifacts of a server.

    :returns: the same task
    :raises TaskConfigError: if an input does not take what was found
    """
    resolver = MemoryResolver(task)
    for stored in client.artifacts.values():
        resolver.add_artifact(stored.id, cast("Any", stored.category), stored.data)
    resolver.resolve_inputs(task)
    return task


def worker_task(
    kind: type[TaskT],
    data: Mapping[str, Any],
    client: FakeTaskClient,
    directory: Path,
    *,
    script: Script | None = None,
) -> TaskT:
    """
    Make a task as a worker gets it, ready for ``execute``.

    :param directory: it works in ``work`` below it; ``cache`` is for images
    :param script: what commands do in its sandbox, which then is a fake one
    :raises TaskConfigError: if the data or an input is wrong
    """
    asked = looked_up(kind(dict(data)), client)
    dynamic = asked.compute_dynamic_data()
    asked.save_field_values(dynamic)
    task = kind(dict(data), dynamic.model_dump(mode="json", exclude_unset=True))
    task.configure_server_access(cast("Debusine", client))
    task.workspace_name, task.work_request_id = "System", 9
    task.image_cache_directory = directory / "cache"
    task.set_working_directory(directory / "work")
    if script is not None:
        task.executor_type = scripted_executor(script)
        task.apt_access_directory = directory / "lent"
        AptAccess().write(task.apt_access_directory)
    return task
