# SPDX-License-Identifier: GPL-3.0-or-later
"""Kinds of tasks: which there are, and what one can ask of them."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from ninja import Router

from debusine.api.answer import answer
from debusine.domain.work_request import TaskTypes
from debusine.tasks.task_type import describe, find_kind, summarise_all
from debusine.wire.task_type import TaskTypeList, TaskTypeRecord

router = Router()


@router.get("/task-type/", response=TaskTypeList)
def list_task_types(request: HttpRequest) -> HttpResponse:  # noqa: ARG001
    """List the kinds of tasks that the server knows, sorted by type and name."""
    return answer(TaskTypeList(task_types=summarise_all()))


@router.get("/task-type/{name}/", response=TaskTypeRecord)
def show_task_type(
    request: HttpRequest,  # noqa: ARG001
    name: str,
    task_type: TaskTypes | None = None,
) -> HttpResponse:
    """Describe a kind of task: its fields, inputs, results and limits, with an example."""
    return answer(describe(find_kind(name, task_type)))
