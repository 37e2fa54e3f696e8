# SPDX-License-Identifier: GPL-3.0-or-later
"""What tells one kind of worker from another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from debusine.domain.work_request import TaskTypes
from debusine.tasks import BaseExternalTask
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


EXTERNAL = Trade(worker_type="external", task_type=TaskTypes.WORKER)
"""Runs the tasks of type Worker, most of them in sandboxes."""
