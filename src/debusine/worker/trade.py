# SPDX-License-Identifier: GPL-3.0-or-later
"""What tells one kind of worker from another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from debusine.domain.work_request import TaskTypes
from debusine.tasks import BaseExternalTask
from debusine.tasks.logs import how_to_repeat
from debusine.wire.worker import WorkerTypeName

Equip = Callable[[BaseExternalTask[Any, Any]], None]


def _nothing(task: BaseExternalTask[Any, Any]) -> None:
    """Tasks of this kind of worker need nothing but what every task has."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Trade:
    """
    What a worker does.

    :param worker_type: what the server calls such workers
    :param task_type: of the tasks that it runs; it refuses all others
    :param equip: gives a task, in its own process, what only this kind of worker has
    """

    worker_type: WorkerTypeName
    task_type: TaskTypes
    equip: Equip = _nothing


def name_the_way_back(task: BaseExternalTask[Any, Any]) -> None:
    """Have the logs of a task that anybody can run again end with what to call."""
    assert task.work_request_id is not None, "a worker runs work requests"
    task.last_log_line = how_to_repeat(task.work_request_id)


EXTERNAL = Trade(worker_type="external", task_type=TaskTypes.WORKER, equip=name_the_way_back)
"""Runs the tasks of type Worker, most of them in sandboxes."""
