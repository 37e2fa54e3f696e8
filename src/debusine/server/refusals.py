# SPDX-License-Identifier: GPL-3.0-or-later
"""
What tasks refuse, where the metadata of workers decide instead of tags.

A refusal gives a request another signature, which this kind of worker does not fit, so
that its next look at the queue passes over it. What stands right behind is likely to be
refused as well, and is asked in the same breath.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import takewhile

from django.db import connection

from debusine.db.models import Worker, WorkRequest
from debusine.db.queries import named_query
from debusine.domain.scheduling import refusal_tag
from debusine.domain.work_request import WorkRequestStatus
from debusine.domain.worker_tags import is_task_allowed
from debusine.server import scheduler, task_data
from debusine.server.reservation import amount
from debusine.server.task_data import Task
from debusine.server.worker_tags import capability, worker_metadata
from debusine.tasks.inputs.stage import Stage

# so many are asked at once
AT_ONCE = 25


def resolved_task(request: WorkRequest) -> Task:
    """
    Look the inputs of a request up as they are now.

    :raises TaskDataError: if one has gone since the request was created
    """
    task = task_data.build_task(request)
    task_data.resolve(request, task, Stage.RUNNING)
    return task


def is_refused(task: Task, request: WorkRequest, worker: Worker) -> bool:
    """Whether metadata, where they decide instead of tags, keep a worker from a task."""
    if scheduler.tags_decide():
        return False
    if not is_task_allowed(request.task_name, worker.static_metadata):
        return True
    try:
        with task_data.code_of_task(task.name):
            return not task.can_run_on(worker_metadata(worker))
    except task_data.TaskDataError:
        # what a worker reports must not end the requests of others
        return True


def note_refusal(request: WorkRequest, worker: Worker) -> int:
    """
    Get a request that was refused out of the way of a kind of worker, and its like behind it.

    :param request: pending, with its signature loaded
    :returns: how many were refused
    """
    old = request.signature
    assert old is not None, "it was found by its signature"
    refused = [request.pk, *_refused_behind(request, worker)]
    required = [*old.required_tags, refusal_tag(capability(worker).kind)]
    new = scheduler.intern_exactly(required, old.provided_tags, amount(old))
    WorkRequest.objects.filter(
        pk__in=refused, signature=old, status=WorkRequestStatus.PENDING.value
    ).update(signature=new)
    return len(refused)


def _refused_behind(request: WorkRequest, worker: Worker) -> Iterator[int]:
    """What stands right behind it in its signature, up to the first that is not refused."""
    place = (request.signature_id, request.order, request.pk, AT_ONCE - 1)
    with connection.cursor() as cursor:
        cursor.execute(named_query("behind_in_signature_v1"), place)
        ids = [pk for (pk,) in cursor.fetchall()]
    rows = WorkRequest.objects.select_related("workspace__scope", "created_by").in_bulk(ids)
    found = (rows[pk] for pk in ids if pk in rows)
    return (one.pk for one in takewhile(lambda one: _would_be_refused(one, worker), found))


def _would_be_refused(request: WorkRequest, worker: Worker) -> bool:
    try:
        return is_refused(resolved_task(request), request, worker)
    except task_data.TaskDataError:
        # it ends when it is its turn
        return False
