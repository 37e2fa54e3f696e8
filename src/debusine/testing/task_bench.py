# SPDX-License-Identifier: GPL-3.0-or-later
"""A task as a worker gets it, for a test that runs it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

from debusine.domain.category import ArtifactCategory
from debusine.tasks.base import BaseExternalTask
from debusine.testing.executor import Script, scripted_executor, succeed
from debusine.testing.resolver import MemoryResolver
from debusine.testing.task_client import FakeTaskClient

WORK_REQUEST_ID = 1

Task = TypeVar("Task", bound=BaseExternalTask[Any, Any])


def make_task(
    kind: type[Task],
    data: dict[str, Any],
    *,
    client: FakeTaskClient,
    directory: Path,
    script: Script = succeed,
) -> Task:
    """
    Do what a server and a worker do before a task runs.

    The data is checked, inputs are looked up among the artifacts of the client and their
    relations, dynamic data is computed and goes through JSON; the task gets its client and its
    directories.

    :param data: as a user submits it; inputs are named by the ids of artifacts
    :param directory: of the test; the task works below it
    :param script: what commands do in the sandbox
    :returns: ready for its ``execute()``
    :raises TaskConfigError: if data or inputs are not those that the task takes

    >>> from tempfile import TemporaryDirectory
    >>> from debusine.tasks.kinds.noop import Noop
    >>> with TemporaryDirectory() as name:
    ...     client = FakeTaskClient()
    ...     task = make_task(Noop, {"result": "failure"}, client=client, directory=Path(name))
    ...     str(task.execute())
    'failure'
    """
    asked = look_up_inputs(kind(data), client)
    computed = asked.compute_dynamic_data()
    asked.save_field_values(computed)
    dynamic = computed.model_dump(mode="json", exclude_unset=True, by_alias=True)
    task = kind(data, dynamic)
    fake: Any = client
    task.configure_server_access(fake)
    task.workspace_name = "System"
    task.work_request_id = WORK_REQUEST_ID
    task.executor_type = scripted_executor(script)
    task.image_cache_directory = directory / "images"
    task.set_working_directory(directory / "work")
    return task


def look_up_inputs(task: Task, client: FakeTaskClient) -> Task:
    """
    Do what a server does before it asks a task anything.

    :returns: the same task
    :raises TaskConfigError: if inputs are not those that the task takes
    """
    resolver = MemoryResolver(task)
    for artifact in client.artifacts.values():
        resolver.add_artifact(artifact.id, ArtifactCategory(artifact.category), artifact.data)
    for artifact_id, target_id, relation in client.relations:
        resolver.add_relation(artifact_id, relation, target_id)
    resolver.resolve_inputs(task)
    return task
