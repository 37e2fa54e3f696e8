# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task makes of a work request: checks its data, looks inputs up."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog
from django.db import Error as DatabaseError
from pydantic import ValidationError

from debusine.db.models import WorkRequest
from debusine.domain.validation import messages_by_field
from debusine.domain.work_request import TaskTypes
from debusine.errors import DebusineError, UserError
from debusine.server.resolver import DatabaseResolver
from debusine.tasks import BaseExternalTask, TaskConfigError
from debusine.tasks.inputs.stage import Stage
from debusine.tasks.registry import add_package

# tasks of workers and of signing are known everywhere, these only here
add_package("debusine.server.tasks")

log = structlog.get_logger(__name__)

Task = BaseExternalTask[Any, Any]


class TaskDataError(UserError):
    """The data of a task is wrong, or something it names does not exist."""

    code = "task-data"


@contextmanager
def code_of_task(name: str) -> Iterator[None]:
    """
    Let a task answer; others may have written it, and one that is broken stops no queue.

    :raises TaskDataError: for whatever it raises that nobody expects
    """
    try:
        yield
    except (DebusineError, DatabaseError):
        raise
    except Exception as error:
        log.exception("task-code-failed", task=name)
        raise TaskDataError(
            "The task is broken",
            details=f"{name} raises {type(error).__name__}: {error}",
            resolution="Report it to who wrote the task; the server's log has the traceback.",
        ) from error


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
    with code_of_task(request.task_name):
        try:
            return kind(configured_data(request))
        except TaskConfigError as error:
            raise as_task_data_error(error) from error


def configured_data(request: WorkRequest) -> dict[str, Any]:
    """What was submitted, with task configuration applied if it was."""
    data: dict[str, Any] = (
        request.task_data if request.configured_task_data is None else request.configured_task_data
    )
    return data


def resolve(request: WorkRequest, task: Task, stage: Stage) -> None:
    """
    Look up the inputs that a task needs up to a stage.

    :param request: with workspace, scope and creator loaded
    :raises TaskDataError: if something is not there or is of the wrong kind
    """
    with code_of_task(request.task_name):
        try:
            DatabaseResolver(task, work_request=request).resolve_inputs(task, stage)
        except (LookupError, TaskConfigError, ValueError) as error:
            raise as_task_data_error(error) from error


def resolve_early(request: WorkRequest, task: Task) -> None:
    """
    Look up the inputs that a task needs to become pending, and of the others what is there.

    What is not there yet stays unresolved; the task may ask for it only once it runs.

    :param request: with workspace, scope and creator loaded
    :raises TaskDataError: if something needed by now is not there or is of the wrong kind
    """
    with code_of_task(request.task_name):
        try:
            DatabaseResolver(task, work_request=request).resolve_early(task, Stage.PENDING)
        except (LookupError, TaskConfigError, ValueError) as error:
            raise as_task_data_error(error) from error


def dynamic_data(task: Task) -> dict[str, Any]:
    """
    Compute what a worker needs beside the submitted data; all inputs must be resolved.

    :returns: JSON with only the keys that are set, as workers refuse others
    :raises TaskDataError: if the task finds its data wrong
    """
    with code_of_task(task.name):
        try:
            computed = task.compute_dynamic_data()
            task.save_field_values(computed)
            dumped: dict[str, Any] = computed.model_dump(
                mode="json", exclude_unset=True, by_alias=True
            )
        except (TaskConfigError, ValueError) as error:
            raise as_task_data_error(error) from error
    if not dumped.get("task_input_fields"):
        dumped.pop("task_input_fields", None)
    return dumped


def as_task_data_error(error: Exception) -> TaskDataError:
    """Say what is wrong with the data of a task, and with which field, if that is known."""
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
