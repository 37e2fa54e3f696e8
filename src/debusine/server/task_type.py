# SPDX-License-Identifier: GPL-3.0-or-later
"""Which type of task somebody means who gives only a name."""

from __future__ import annotations

from debusine.db.models import User
from debusine.domain.work_request import TaskTypes
from debusine.server.task_data import TaskDataError
from debusine.tasks import BaseExternalTask


def type_of_task(user: User, task_name: str) -> TaskTypes:
    """
    Find the type of a task among those that a person may ask for by name.

    Everybody may ask for tasks of workers, administrators also for those of the server.
    All others are made by workflows and by the commands of the server's administrator.

    :returns: Worker if there is no task of the name at all
    :raises TaskDataError: if all tasks of the name are others
    """
    types = [task_type for task_type in TaskTypes if _exists(task_type, task_name)]
    allowed = [TaskTypes.WORKER, *([TaskTypes.SERVER] if user.is_superuser else [])]
    for task_type in allowed:
        if task_type in types:
            return task_type
    if types:
        kinds = " and ".join(task_type.value for task_type in types)
        message = (
            f"{task_name!r} is a task of type {kinds}: only workflows and the commands of the "
            "server's administrator create these"
        )
        raise TaskDataError(
            "Cannot create work request",
            details=message,
            validation_errors={"task_name": [message]},
        )
    return TaskTypes.WORKER


def _exists(task_type: TaskTypes, task_name: str) -> bool:
    try:
        BaseExternalTask.class_from_name(task_type, task_name)
    except ValueError:
        return False
    return True
