# SPDX-License-Identifier: GPL-3.0-or-later
"""Inputs of the task of a work request on the wire: an addition of ours to the API."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from debusine.wire.base import WireModel


class TaskInput(WireModel):
    """
    What a task takes, and what the server found for it.

    :param name: of the input in the task's code and in ``task_input_fields``
    :param label: for people
    :param help_text: what it is for; null if nobody said
    :param hidden: of no interest to people
    :param internal: does not follow from what the user gave
    :param stage: when it is looked up first
    :param field: dotted path in the task data that it follows from; null if there is none
    :param lookup: what was looked up, as it stands in the task data or as the server
        completed it; null if nothing was
    :param resolved: whether ``value`` is known: from when a worker got the request
    :param value: as in ``task_input_fields``
    :param artifacts: ids of the artifacts in the value
    :param collections: ids of the collections in the value
    """

    name: str
    label: str
    help_text: str | None = None
    hidden: bool = False
    internal: bool = False
    stage: Literal["pending", "running"]
    field: str | None = None
    lookup: Any = None
    resolved: bool
    value: Any = None
    artifacts: list[int] = Field(default_factory=list)
    collections: list[int] = Field(default_factory=list)


class TaskInputs(WireModel):
    """The inputs of a work request, sorted by name; none if the server does not know its task."""

    inputs: list[TaskInput]
