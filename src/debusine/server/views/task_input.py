# SPDX-License-Identifier: GPL-3.0-or-later
"""Inputs of the task of a work request, for people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from debusine.db.models import WorkRequest
from debusine.domain.work_request import TaskTypes
from debusine.server.task_data import Task, TaskDataError, code_of_task, configured_data, task_class
from debusine.tasks import TaskConfigError
from debusine.tasks.inputs.base import DataInput, TaskInput
from debusine.tasks.inputs.container import TaskFieldContainer
from debusine.tasks.inputs.values import InputArtifactSingle, InputCollectionSingle
from debusine.wire import task_input as wire


@dataclass(frozen=True, kw_only=True, slots=True)
class ShownInput:
    """
    An input as people see it.

    :param value: what it resolved to; None if it has not
    """

    record: wire.TaskInput
    value: Any


def view_task_inputs(request: WorkRequest) -> wire.TaskInputs:
    """Show the inputs of a request; no query."""
    return wire.TaskInputs(inputs=[one.record for one in show_inputs(request)])


def show_inputs(request: WorkRequest) -> list[ShownInput]:
    """Inputs of a request with their values, sorted by name; no query."""
    try:
        kind = task_class(TaskTypes(request.task_type), request.task_name)
        with code_of_task(request.task_name):
            return _show_all(kind, request)
    except TaskDataError:
        # gone, or broken: the log has it, and the rest of the page is still worth seeing
        return []


def _show_all(kind: type[Task], request: WorkRequest) -> list[ShownInput]:
    """Inputs of a request; none if its data is no longer what the task takes."""
    try:
        task = kind(configured_data(request), request.dynamic_task_data)
    except TaskConfigError:
        return []
    given = task.data.model_dump(mode="json")
    shown = [_show(owner, field, given) for owner, field in task.iter_all_fields()]
    return sorted(shown, key=lambda one: one.record.name)


def _show(owner: TaskFieldContainer, field: TaskInput[Any], data: dict[str, Any]) -> ShownInput:
    resolved = owner.field_is_resolved(field.name)
    value = getattr(owner, field.name) if resolved else None
    path = field.field if isinstance(field, DataInput) else None
    found = value if isinstance(value, tuple) else (value,)
    record = wire.TaskInput(
        name=field.name,
        label=field.label,
        help_text=field.help_text,
        hidden=field.hidden,
        internal=field.internal,
        stage="pending" if field.stage.name == "PENDING" else "running",
        field=path,
        lookup=_lookup(path, value, data),
        resolved=resolved,
        value=field.serialize(value) if resolved else None,
        artifacts=field.get_artifact_ids(value) if resolved else [],
        collections=[one.collection_id for one in found if isinstance(one, InputCollectionSingle)],
    )
    return ShownInput(record=record, value=value)


def _lookup(path: str | None, value: Any, data: Any) -> Any:
    """What was looked up for a value, or else what stands in the task data."""
    if isinstance(value, InputArtifactSingle | InputCollectionSingle):
        return value.lookup
    if path is None:
        return None
    for name in path.split("."):
        data = data.get(name) if isinstance(data, dict) else None
    return data
