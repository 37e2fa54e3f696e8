# SPDX-License-Identifier: GPL-3.0-or-later
"""Check what somebody wants done, resolve its inputs, store it, wake a worker."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import Any

from django.db import transaction

from debusine.db.models import WorkRequest, Workspace
from debusine.db.prepared_change import PreparedInsert
from debusine.domain.permission import Verb
from debusine.domain.work_request import TaskTypes, WorkRequestStatus
from debusine.errors import UserError
from debusine.server import dependants, fair_share, idle_workers, retry, scheduler, task_data
from debusine.server.access import require
from debusine.server.action import action
from debusine.server.actions.complete_work_request import fail_pending
from debusine.server.actions.reuse_result import reuse_result
from debusine.server.actor import SYSTEM, Actor
from debusine.server.event_reactions import read_wanted, require_allowed
from debusine.server.preparation import Configure, prepare
from debusine.server.system_user import system_user
from debusine.server.task_type import type_of_task

TITLE = "Cannot create work request"
_INSERT = PreparedInsert(WorkRequest)


@action
def create_work_request(  # noqa: PLR0913  each is a fact of its own
    actor: Actor,
    *,
    workspace: Workspace,
    task_name: str,
    data: dict[str, Any],
    now: datetime,
    event_reactions: dict[str, Any] | None = None,
    by_client: bool = True,
    task_type: TaskTypes | None = None,
    reuse: bool = False,
    apt_indexes: Mapping[str, str] | None = None,
    dependencies: Sequence[WorkRequest] = (),
) -> WorkRequest:
    """
    Create a work request that is pending at once, or has ended with an earlier result.

    With dependencies, it is blocked until they have ended; its inputs are looked up then.

    :param workspace: with its scope loaded
    :param data: of the task; its key ``notifications`` becomes reactions
    :param by_client: whether the reactions come from outside, where only few are allowed
    :param task_type: None finds, by its name, a task that the actor may ask for
    :param reuse: whether the result of an earlier request that did the same will do
    :param apt_indexes: what archives show at this moment, for ``reuse``; see :func:`reuse_result`
    :param dependencies: what has to end before; none for clients
    :raises PermissionDeniedError: if the actor may not create any here
    :raises UserError: if task, data, inputs or reactions are wrong; nothing is stored then
    """
    if actor.is_system:
        actor = Actor(user=system_user())
    user = actor.require_user()
    require(actor, Verb.CREATE_WORK_REQUESTS, workspace)
    if task_type is None:
        task_type = type_of_task(user, task_name)
    wanted = read_wanted(data, event_reactions or {}, title=TITLE)
    if by_client:
        require_allowed(wanted.reactions, title=TITLE)
    request = WorkRequest(
        workspace=workspace,
        created_at=now,
        created_by=user,
        task_type=task_type.value,
        task_name=task_name.lower(),
        task_data=wanted.task_data,
        event_reactions=wanted.reactions.export(),
        reuse=reuse,
    )
    if dependencies:
        with _as_refusal(request, title=TITLE):
            task_data.build_task(request)
        dependants.block(request, dependencies)
    else:
        make_pending(request, now=now, title=TITLE, apt_indexes=apt_indexes)
    return request


def make_pending(  # noqa: PLR0913  each is a fact of its own
    request: WorkRequest,
    *,
    now: datetime,
    title: str,
    configure: Configure | None = None,
    not_before: datetime | None = None,
    apt_indexes: Mapping[str, str] | None = None,
) -> None:
    """
    Resolve inputs, compute tags, store the row and wake workers on commit.

    A new request that is wrong is refused. Nobody waits for the answer about one that
    was stored before; if it is wrong, it ends in an error.

    :param request: new or blocked; workspace, scope and creator loaded
    :param title: of the error, if there is one
    :param configure: looks task configuration up
    :param not_before: no worker gets it earlier
    :param apt_indexes: what archives show at this moment, if somebody has looked
    :raises UserError: if data, inputs or task of a new request are wrong
    """
    try:
        prepared = prepare(request, configure)
    except task_data.TaskDataError as error:
        if request.pk is None:
            with _as_refusal(request, title=title):
                raise
        fail_pending(SYSTEM, request=request, error=error, now=now)
        return
    prepared.tags.store(request)
    signature = scheduler.signature_for(request, prepared.need)
    request.signature_id = signature if not_before is None else None
    request.delayed_until = not_before
    request.pending_at = now
    request.order = fair_share.place(request, now=now)
    if not _store(request):
        return
    if request.reuse and reuse_result(SYSTEM, request=request, apt_indexes=apt_indexes, now=now):
        return
    fair_share.expect(request, now=now)
    if not_before is not None:
        retry.put_off(request.pk, until=not_before, signature=signature)
        return
    transaction.on_commit(partial(idle_workers.wake_workers, signature))


@contextmanager
def _as_refusal(request: WorkRequest, *, title: str) -> Iterator[None]:
    """
    Tell the author of a new request what is wrong with it.

    :raises UserError: if the task finds its data wrong
    """
    try:
        yield
    except task_data.TaskDataError as error:
        raise UserError(
            title,
            details=f"{error.brief}: {error.details}\nTask data: {request.task_data}",
            validation_errors=error.validation_errors,
        ) from error


def _store(request: WorkRequest) -> bool:
    """Write a request that is pending from now on; false if it was aborted meanwhile."""
    if request.pk is not None:
        blocked = WorkRequest.objects.filter(pk=request.pk, status=WorkRequestStatus.BLOCKED.value)
        if not blocked.update(status=WorkRequestStatus.PENDING.value):
            return False
        request.status = WorkRequestStatus.PENDING.value
        request.save()
    else:
        request.status = WorkRequestStatus.PENDING.value
        _INSERT.save(request)
    return True
