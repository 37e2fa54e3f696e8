# SPDX-License-Identifier: GPL-3.0-or-later
"""The tags of a work request, each with who said so."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import structlog

from debusine.db.models import WorkRequest
from debusine.domain.tag_set import Provenance, TagSet
from debusine.domain.tags import (
    PROVIDED,
    REQUIRED,
    scope_tag,
    tags_required_by_type,
    workspace_tag,
)
from debusine.server.task_data import Task, as_task_data_error, code_of_task
from debusine.tasks import TaskConfigError

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Configuration:
    """
    What task configuration makes of a request.

    :param data: task data with defaults and overrides
    :param require: tags that the worker must have
    :param provide: tags that the request has
    """

    data: dict[str, Any]
    require: frozenset[str] = field(default_factory=frozenset)
    provide: frozenset[str] = field(default_factory=frozenset)


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskTags:
    """What a request requires of workers, and provides to them."""

    required: TagSet
    provided: TagSet

    def store(self, request: WorkRequest) -> None:
        """Write the tags into a row, which is not saved."""
        request.scheduler_tags_required = sorted(self.required.tags)
        request.scheduler_tags_provided = sorted(self.provided.tags)
        request.tag_sources = {
            "required": self.required.to_json(),
            "provided": self.provided.to_json(),
            "dropped": [one.to_json() for one in self.provided.lost],
        }


def compute_tags(
    request: WorkRequest, task: Task, *, configuration: Configuration | None = None
) -> TaskTags:
    """
    Compute the tags of a request.

    :param task: made from configured data, inputs resolved
    :param configuration: what configured it, if anything did
    :raises TaskDataError: if the task finds its data wrong, or its code fails
    """
    with code_of_task(task.name):
        try:
            tags = _ask(request, task, configuration)
        except TaskConfigError as error:
            raise as_task_data_error(error) from error
    for one in tags.provided.lost:
        log.info("tag-dropped", task=task.name, workspace=str(request.workspace), **one.to_json())
    return tags


def _ask(request: WorkRequest, task: Task, configuration: Configuration | None) -> TaskTags:
    workspace = request.workspace
    places = [scope_tag(workspace.scope.name), workspace_tag(workspace.scope.name, workspace.name)]
    required = (
        TagSet(policy=REQUIRED)
        .add(
            Provenance.SYSTEM,
            tags_required_by_type(task.TASK_TYPE, task.name, task.TASK_VERSION),
        )
        .add(Provenance.SYSTEM, task.compute_system_required_tags())
        .add(Provenance.WORKSPACE, configuration.require if configuration else ())
    )
    # last, so that without them nothing matches
    provided = (
        TagSet(policy=PROVIDED)
        .add(Provenance.SYSTEM, places)
        .add(Provenance.SYSTEM, task.compute_system_provided_tags())
        .add(Provenance.USER, task.get_user_provided_tags())
        .add(Provenance.WORKSPACE, configuration.provide if configuration else ())
    )
    return TaskTags(required=required.finalize(), provided=provided.finalize())
