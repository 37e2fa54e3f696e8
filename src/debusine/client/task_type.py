# SPDX-License-Identifier: GPL-3.0-or-later
"""Kinds of tasks that a server knows."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from debusine.client.answer import parse
from debusine.client.http import Transport
from debusine.domain.work_request import TaskTypes
from debusine.wire.task_type import TaskTypeList, TaskTypeRecord, TaskTypeSummary


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskTypesOfServer:
    """What one can ask of a server; those of others do not tell."""

    transport: Transport

    def all(self) -> list[TaskTypeSummary]:
        """All kinds of tasks, sorted by type and name."""
        return parse(TaskTypeList, self.transport.call("GET", "task-type/")).task_types

    def get(self, name: str, task_type: TaskTypes | None = None) -> TaskTypeRecord:
        """
        Describe a kind of task.

        :param task_type: None: that of workers if there is one, else the first
        """
        params = {} if task_type is None else {"task_type": task_type.value}
        path = f"task-type/{quote(name, safe='')}/"
        return parse(TaskTypeRecord, self.transport.call("GET", path, params=params))
