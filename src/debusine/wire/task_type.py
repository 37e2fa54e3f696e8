# SPDX-License-Identifier: GPL-3.0-or-later
"""Kinds of tasks on the wire, and what one can ask of them: an addition of ours to the API."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from debusine.domain.result import WorkRequestResults
from debusine.domain.work_request import TaskTypes
from debusine.wire.base import WireModel


class TaskField(WireModel):
    """
    A field of the data that a task takes.

    :param path: dotted; ``[]`` stands for each item of a list, ``.NAME`` for each of a mapping
    :param type: in words
    :param required: whether it must be given
    :param default: as JSON; null also if the field is required
    :param meaning: empty if nobody said
    :param limits: each in words; what is no more than the type is not said
    """

    path: str
    type: str
    required: bool
    default: Any = None
    meaning: str = ""
    limits: list[str] = Field(default_factory=list)


class TaskTypeInput(WireModel):
    """
    What a task takes beside plain values.

    :param label: for people
    :param help_text: what it is for; null if nobody said
    :param field: path of the field that it follows from; null if there is none
    :param stage: when it is looked up first
    :param categories: of the artifacts or collections that it may be; empty: any, or neither
    """

    name: str
    label: str
    help_text: str | None = None
    field: str | None = None
    stage: Literal["pending", "running"]
    categories: list[str] = Field(default_factory=list)


class TaskTypeResult(WireModel):
    """How a task can end, and what that means."""

    result: WorkRequestResults
    meaning: str


class TaskTypeSummary(WireModel):
    """
    A kind of task in a list.

    :param task_type: what kind of worker runs it
    :param name: by which requests ask for it
    :param version: of its code: workers with another one do not run it
    :param summary: what it does, in a sentence
    """

    task_type: TaskTypes
    name: str
    version: int | None = None
    summary: str


class TaskTypeRecord(TaskTypeSummary):
    """
    A kind of task, with all that one has to know to ask for it.

    :param description: what goes beyond the summary
    :param fields: of its data, those of models in fields after them
    :param inputs: what the server looks up for it
    :param results: how it can end, and what that means
    :param example: data in YAML that the task takes; empty if there is none
    :param limits: what it cannot do; empty if nobody said
    """

    description: str = ""
    fields: list[TaskField]
    inputs: list[TaskTypeInput]
    results: list[TaskTypeResult]
    limits: str = ""
    example: str = ""


class TaskTypeList(WireModel):
    """All kinds of tasks that a server knows, sorted by type and name."""

    task_types: list[TaskTypeSummary]
