# SPDX-License-Identifier: GPL-3.0-or-later
"""
Everything between what somebody submitted and a place in the queue, but for the row.

The order matters: tags are those of the *configured* data, since a backend or an
architecture that configuration changes needs another worker.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from debusine.db.models import WorkRequest
from debusine.domain.resources import NOTHING, Resources
from debusine.server import task_configuration, task_data
from debusine.server.reservation import RunKind, learned_need
from debusine.server.task_configuration import find_configuration
from debusine.server.task_data import Task
from debusine.server.task_tags import Configuration, TaskTags, compute_tags
from debusine.tasks.inputs.stage import Stage

Configure = Callable[[WorkRequest, Task, TaskTags], Configuration | None]
"""
Looks task configuration up: for a request, its task and its tags so far, or None if there
is nothing to apply. Inputs for PENDING are resolved, the others as far as they can be.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Preparation:
    """
    What the queue is to know of a request.

    :param need: what a worker must have free
    """

    tags: TaskTags
    need: Resources


def prepare(request: WorkRequest, configure: Configure | None = None) -> Preparation:
    """
    Check a request, configure it, compute its tags and estimate what it needs.

    :param request: with workspace, scope and creator loaded; its data as submitted; gets
        ``configured_task_data``
    :param configure: looks task configuration up; None takes the collection that the data names
    :raises TaskDataError: if data, inputs or configuration are wrong, or the code of the task fails
    """
    configuration = _configuration(request, configure or _configure_for(request))
    request.configured_task_data = None if configuration is None else configuration.data
    task = task_data.build_task(request)
    if request.pk is None:
        # its author waits for the answer, and is to hear of every mistake
        task_data.resolve(request, task, Stage.RUNNING)
        need = _need(request, task)
    else:
        # what runs before it may still make something that it takes; see resolve at assignment
        task_data.resolve_early(request, task)
        is_known = all(task.field_is_resolved(name) for name in task.inputs)
        need = _need(request, task) if is_known else NOTHING
    return Preparation(tags=compute_tags(request, task, configuration=configuration), need=need)


def _need(request: WorkRequest, task: Task) -> Resources:
    data = task_data.dynamic_data(task)
    kind = RunKind.of(request, subject=data.get("subject"), context=data.get("runtime_context"))
    return learned_need(kind)


def _configure_for(request: WorkRequest) -> Configure | None:
    """
    What looks task configuration up; None if nothing configures the request.

    :raises TaskDataError: if the request names a configuration that is not there
    """
    collection = find_configuration(request)
    return None if collection is None else partial(task_configuration.configure, collection)


def _configuration(request: WorkRequest, configure: Configure | None) -> Configuration | None:
    request.configured_task_data = None
    if configure is None:
        return None
    task = task_data.build_task(request)
    # what is missing may be what configuration gives
    task_data.resolve_early(request, task)
    return configure(request, task, compute_tags(request, task))
