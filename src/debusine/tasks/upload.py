# SPDX-License-Identifier: GPL-3.0-or-later
"""Give what a task made to the server."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from debusine.artifacts.files import LocalArtifact
from debusine.artifacts.relation import RelationType
from debusine.tasks.base import BaseExternalTask


def upload_output(
    task: BaseExternalTask[Any, Any],
    artifact: LocalArtifact,
    *,
    extends: Iterable[int] = (),
    relates_to: Iterable[int] = (),
    built_using: Iterable[int] = (),
) -> int:
    """
    Upload an artifact that a task made, with its relations to others.

    :param extends: IDs of artifacts, as the other two; one that is named twice counts once
    :returns: its ID
    """
    assert task.debusine is not None, "no access to the server"
    uploaded = task.debusine.upload_artifact(
        artifact, workspace=task.workspace_name, work_request=task.work_request_id
    )
    for relation, targets in (
        (RelationType.EXTENDS, extends),
        (RelationType.RELATES_TO, relates_to),
        (RelationType.BUILT_USING, built_using),
    ):
        for target in dict.fromkeys(targets):
            task.debusine.relation_create(uploaded.id, target, relation)
    return uploaded.id
