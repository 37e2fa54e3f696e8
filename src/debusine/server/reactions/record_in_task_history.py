# SPDX-License-Identifier: GPL-3.0-or-later
"""``record-in-task-history``: remember what a run took and how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from debusine.artifacts.bare_data.historical_task_run import HistoricalTaskRun
from debusine.db.models import Collection, WorkRequest, Workspace
from debusine.server.actions.change_collection import Change, put_bare
from debusine.server.actor import Actor
from debusine.server.collections.base import SINGLETON_NAME
from debusine.server.collections.task_history import TaskHistory
from debusine.server.inheritance import lineage_ids
from debusine.server.lookup import find_collection
from debusine.tasks.reactions import RecordInTaskHistory

ACTION: Final = "record-in-task-history"


def may_be_recorded(request: WorkRequest) -> bool:
    """Whether there is a run, and somewhere a history for it; at most one query."""
    has_run = bool((request.output_data or {}).get("runtime_statistics"))
    return (
        has_run
        and Collection.objects.filter(
            workspace__in=lineage_ids(Workspace(pk=request.workspace_id)),
            category=TaskHistory.category,
            name=SINGLETON_NAME,
        ).exists()
    )


def react(request: WorkRequest, wanted: Mapping[str, Any], *, now: datetime) -> None:
    """
    Add the run to the history of the workspace, or to the one it inherits.

    A request that did not run, or a workspace without history, adds nothing.

    :param request: with workspace, scope and author loaded
    :raises UserError: if what the request reported does not belong there
    """
    reaction = RecordInTaskHistory.model_validate(wanted)
    statistics = (request.output_data or {}).get("runtime_statistics")
    if not statistics or request.started_at is None:
        return
    history = find_collection(
        Actor(user=request.created_by),
        request.workspace,
        category=TaskHistory.category,
        name=SINGLETON_NAME,
    )
    if history is None:
        return
    known = request.dynamic_task_data or {}
    put_bare(
        history,
        HistoricalTaskRun.category,
        {
            "task_type": request.task_type,
            "task_name": request.task_name,
            "subject": reaction.subject or known.get("subject"),
            "context": reaction.context or known.get("runtime_context"),
            "timestamp": int(request.started_at.timestamp()),
            "work_request_id": request.pk,
            "result": request.result,
            "runtime_statistics": statistics,
        },
        change=Change(user=request.created_by, work_request=request, now=now),
    )
