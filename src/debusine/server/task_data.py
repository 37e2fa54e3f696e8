# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task makes of a work request: checks its data, looks inputs up, computes tags."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from debusine.db.models import WorkRequest
from debusine.domain.tags import (
    PROVIDED_RESTRICTIONS,
    Provenance,
    TagSet,
    scope_tag,
    tags_required_by_type,
    workspace_tag,
)
from debusine.domain.validation import messages_by_field
from debusine.domain.work_request import TaskTypes
from debusine.errors import UserError
from debusine.server.resolver import DatabaseResolver
from debusine.tasks import BaseExternalTask, TaskConfigError
from debusine.tasks.inputs.stage import Stage

Task = BaseExternalTask[Any, Any]


class TaskDataError(UserError):
    """The data of a task is wrong, or something it names does not exist."""

    code = "task-data"


@dataclass(frozen=True, kw_only=True, slots=True)
class Tags:
    """Tags of a request, each sorted."""

    required: list[str]
    provided: list[str]


def task_class(task_type: TaskTypes, task_name: str) -> type[Task]:
    """
    Find the class of a task.

    :raises TaskDataError: if there is none; the message lists those there are
    """
    try:
        return BaseExternalTask.class_from_name(task_type, task_name)
    except ValueError as error:
        names = sorted(BaseExternalTask.registry.classes.get(task_type, ()))
        message = f"{task_name!r} is not a known task name; there are: {', '.join(names)}"
        raise TaskDataError(
            "Unknown task", details=message, validation_errors={"task_name": [message]}
        ) from error


def build_task(request: WorkRequest) -> Task:
    """
    Make the task object of a request.

    :raises TaskDataError: if its data is not valid
    """
    kind = task_class(TaskTypes(request.task_type), request.task_name)
    data = (
        request.task_data
        if request.configured_task_data is None
        else (request.configured_task_data)
    )
    try:
        return kind(data)
    except TaskConfigError as error:
        raise _as_user_error(error) from error


def resolve(request: WorkRequest, task: Task, stage: Stage) -> None:
    """
    Look up the inputs that a task needs up to a stage.

    :param request: with workspace, scope and creator loaded
    :raises TaskDataError: if something is not there or is of the wrong kind
    """
    try:
        DatabaseResolver(task, work_request=request).resolve_inputs(task, stage)
    except (LookupError, TaskConfigError, ValueError) as error:
        raise _as_user_error(error) from error


def dynamic_data(task: Task) -> dict[str, Any]:
    """
    Compute what a worker needs beside the submitted data; all inputs must be resolved.

    :returns: JSON with only the keys that are set, as workers refuse others
    :raises TaskDataError: if the task finds its data wrong
    """
    try:
        computed = task.compute_dynamic_data()
        task.save_field_values(computed)
    except (TaskConfigError, ValueError) as error:
        raise _as_user_error(error) from error
    dumped: dict[str, Any] = computed.model_dump(mode="json", exclude_unset=True, by_alias=True)
    if not dumped.get("task_input_fields"):
        dumped.pop("task_input_fields", None)
    return dumped


def compute_tags(request: WorkRequest, task: Task) -> Tags:
    """Compute the tags of a request; inputs for PENDING must be resolved."""
    workspace = request.workspace
    required = tags_required_by_type(task.TASK_TYPE, task.name, task.TASK_VERSION)
    provided = (
        TagSet(restrictions=PROVIDED_RESTRICTIONS)
        .add(
            Provenance.SYSTEM,
            [scope_tag(workspace.scope.name), workspace_tag(workspace.scope.name, workspace.name)],
        )
        .add(Provenance.SYSTEM, task.compute_system_provided_tags())
        .add(Provenance.USER, task.get_user_provided_tags())
    )
    return Tags(
        required=sorted(required | task.compute_system_required_tags()),
        provided=sorted(provided.tags),
    )


def _as_user_error(error: Exception) -> TaskDataError:
    """Say which field is wrong, if that is known."""
    notes = getattr(error, "__notes__", [])
    cause = error.original_exception if isinstance(error, TaskConfigError) else error
    fields = messages_by_field(cause.errors()) if isinstance(cause, ValidationError) else None
    # str() of a KeyError is its argument in quotes
    text = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    if fields is not None:
        # pydantic's own text names classes of ours
        text = "\n".join(f"{path}: {messages[0]}" for path, messages in fields.items())
    return TaskDataError(
        "Task data is not valid", details="\n".join([text, *notes]), validation_errors=fields
    )
