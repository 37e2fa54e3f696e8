# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks in a sandbox that is fake or real, whatever APT of the machine is told."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from debusine.artifacts.files import LocalArtifact
from debusine.testing.executor import Script, succeed
from debusine.testing.task_bench import Task, make_task
from debusine.testing.task_client import FakeTaskClient
from debusine.util.apt_access import AptAccess


def add_local(client: FakeTaskClient, artifact_id: int, local: LocalArtifact) -> None:
    """Let an artifact made of files exist on a server."""
    files = {path: file.read_bytes() for path, file in local.files.items()}
    data = local.data.model_dump(mode="json", exclude_unset=True)
    client.add(artifact_id, local.category, data, files)


def worker_task(
    kind: type[Task],
    data: Mapping[str, Any],
    client: FakeTaskClient,
    directory: Path,
    *,
    script: Script | None = None,
) -> Task:
    """
    Make a task as a worker gets it, ready for ``execute``.

    :param script: what commands do in its sandbox, which then is a fake one that is lent
        nothing for APT
    :raises TaskConfigError: if the data or an input is wrong
    """
    task = make_task(kind, dict(data), client=client, directory=directory, script=script or succeed)
    if script is None:
        task.executor_type = None
    else:
        task.apt_access_directory = directory / "lent"
        AptAccess().write(task.apt_access_directory)
    return task
