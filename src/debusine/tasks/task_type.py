# SPDX-License-Identifier: GPL-3.0-or-later
"""Describe kinds of tasks by what their files say."""

from __future__ import annotations

import inspect
from typing import Any, TypeAlias

from debusine.domain.result import WorkRequestResults
from debusine.domain.work_request import TaskTypes
from debusine.errors import NotFoundError
from debusine.tasks.base import BaseExternalTask
from debusine.tasks.inputs.base import DataInput, TaskInput
from debusine.tasks.inputs.stage import Stage
from debusine.tasks.model_fields import describe_fields, plain_text
from debusine.wire.task_type import (
    TaskTypeInput,
    TaskTypeRecord,
    TaskTypeResult,
    TaskTypeSummary,
)

TaskKind: TypeAlias = type[BaseExternalTask[Any, Any]]

COMMON_RESULTS = {
    WorkRequestResults.FAILURE: "a stage failed",
    WorkRequestResults.ERROR: "the task could not be started, or its worker failed",
}
"""What these results mean unless the task's file says better."""


def summarise_all() -> list[TaskTypeSummary]:
    """Every kind of task that this program knows, sorted by type and name."""
    return [TaskTypeSummary(**_heading(kind)) for kind in BaseExternalTask.registry.all()]


def find_kind(name: str, task_type: TaskTypes | None = None) -> TaskKind:
    """
    Find a kind of task by its name.

    :param task_type: None: that of workers if there is one, else the first
    :raises NotFoundError: if there is none
    """
    types = [task_type] if task_type else [TaskTypes.WORKER, *TaskTypes]
    for each in types:
        try:
            return BaseExternalTask.class_from_name(each, name)
        except ValueError:
            continue
    known = sorted({kind.name for kind in BaseExternalTask.registry.all()})
    raise NotFoundError(
        f"there is no task called {name!r}" + (f" of type {task_type.value}" if task_type else ""),
        resolution=f"There are {', '.join(known)}.",
    )


def describe(kind: TaskKind) -> TaskTypeRecord:
    """All that the file of a task says about it."""
    guide = kind.GUIDE
    meanings = COMMON_RESULTS | dict(guide.results)
    return TaskTypeRecord(
        **_heading(kind),
        description=plain_text(_docstring(kind).partition("\n\n")[2].partition("\n:param")[0]),
        fields=describe_fields(kind.task_data_type),
        inputs=[_input(field) for field in kind.inputs.values() if not field.hidden],
        results=[
            TaskTypeResult(result=result, meaning=meanings[result])
            for result in WorkRequestResults
            if result in meanings
        ],
        limits=guide.limits,
        example=guide.yaml,
    )


def _heading(kind: TaskKind) -> dict[str, Any]:
    first = _docstring(kind).partition("\n\n")[0].replace("\n", " ")
    return {
        "task_type": kind.TASK_TYPE,
        "name": kind.name,
        "version": kind.TASK_VERSION,
        "summary": plain_text(first),
    }


def _docstring(kind: TaskKind) -> str:
    # that of a base would say what tasks are in general
    return inspect.cleandoc(vars(kind).get("__doc__") or "")


def _input(field: TaskInput[Any]) -> TaskTypeInput:
    categories = getattr(field, "categories", None) or []
    return TaskTypeInput(
        name=field.name,
        label=field.label,
        help_text=field.help_text,
        field=field.field if isinstance(field, DataInput) else None,
        stage="pending" if field.stage is Stage.PENDING else "running",
        categories=[str(category) for category in categories],
    )
