# SPDX-License-Identifier: GPL-3.0-or-later
"""The action key of a request: read what it takes from the database."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from typing import Any

from debusine.db.models import Artifact, FileInArtifact
from debusine.domain.action_key import Content, UnreadableInputError, action_key
from debusine.domain.permission import input_artifact_ids
from debusine.server.task_data import Task, code_of_task
from debusine.tasks.inputs.base import DataInput


def key_of(task: Task, dynamic_data: dict[str, Any]) -> str:
    """
    Make the action key of a task; two queries if it takes artifacts, else none.

    :param task: made from configured data, all inputs resolved
    :param dynamic_data: of the task, as JSON
    :returns: empty if something that it reads has no content that stays the same
    :raises TaskDataError: if the code of the task fails
    """
    with code_of_task(task.name):
        data = task.data.model_dump(mode="json")
        paths = [
            field.field
            for owner, field in task.iter_all_fields()
            if owner is task and isinstance(field, DataInput)
        ]
    try:
        return action_key(
            task=(task.TASK_TYPE.value, task.name, task.TASK_VERSION),
            data=data,
            looked_up=paths,
            dynamic_data=dynamic_data,
            contents=_contents(input_artifact_ids(dynamic_data)),
        )
    except (UnreadableInputError, ValueError):
        return ""


def _contents(artifact_ids: Collection[int]) -> dict[int, str]:
    """Digests of artifacts; those that are not complete have none."""
    if not artifact_ids:
        return {}
    files: dict[int, list[tuple[str, str, int]]] = defaultdict(list)
    incomplete = set()
    rows = FileInArtifact.objects.filter(artifact__in=artifact_ids).values_list(
        "artifact_id", "path", "file__sha256", "file__size", "complete"
    )
    for artifact_id, path, sha256, size, is_complete in rows:
        files[artifact_id].append((path, sha256, size))
        if not is_complete:
            incomplete.add(artifact_id)
    found = Artifact.objects.filter(pk__in=artifact_ids).values_list("pk", "category", "data")
    return {
        pk: Content(category=category, data=data, files=files[pk]).digest()
        for pk, category, data in found
        if pk not in incomplete
    }
