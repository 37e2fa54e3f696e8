# SPDX-License-Identifier: GPL-3.0-or-later
"""Work requests: which an actor may see, and how they look on the wire."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from django.db.models import BigIntegerField, QuerySet

from debusine.db.models import Scope, WorkRequest
from debusine.db.prepared import Param, Prepared
from debusine.domain.permission import MAX_ID, Verb
from debusine.domain.result import WorkRequestResults
from debusine.domain.work_request import TaskTypes, WorkRequestStatus
from debusine.errors import NotFoundError
from debusine.server.access import is_visible_workspace, may, where
from debusine.server.actor import ANONYMOUS, Actor
from debusine.server.produced import artifact_ids_of, complete_artifacts
from debusine.wire.base import Links
from debusine.wire.work_request import Origin, ReusedWorkRequest
from debusine.wire.work_request import WorkRequest as WorkRequestRecord

_BY_ID = Prepared(
    lambda: WorkRequest.objects.select_related("workspace__scope").filter(
        pk=Param("pk", BigIntegerField())
    )
)


def api_path(work_request_id: int) -> str:
    """Path of a work request in the API."""
    return f"/api/1.0/work-request/{work_request_id}/"


def page_path(request: WorkRequest, work_request_id: int | None = None) -> str:
    """
    Path of a work request's page.

    :param request: with workspace and scope loaded
    :param work_request_id: of another one in the same workspace
    """
    workspace = request.workspace
    pk = request.pk if work_request_id is None else work_request_id
    return f"/{quote(workspace.scope.name)}/{quote(workspace.name)}/work-request/{pk}/"


def visible_work_requests(actor: Actor, scope: Scope | None = None) -> QuerySet[WorkRequest]:
    """
    Requests that an actor may see, with workspace and scope loaded.

    A running task sees its own; workers see none.

    :param scope: None for all scopes
    """
    rows = WorkRequest.objects.select_related("workspace__scope").filter(
        where(actor, Verb.DISPLAY_WORK_REQUEST, WorkRequest)
    )
    return rows if scope is None else rows.filter(workspace__scope=scope)


def find_work_request(
    actor: Actor, work_request_id: int, *, scope: Scope | None = None
) -> WorkRequest:
    """
    Find a request by its id; one query.

    :raises NotFoundError: if there is none, or none that the actor may see
    """
    found = _BY_ID.first(pk=work_request_id) if 0 < work_request_id <= MAX_ID else None
    if found is None or not _is_visible(actor, found, scope):
        raise NotFoundError("Work request not found", details=f"Work request id: {work_request_id}")
    return found


def _is_visible(actor: Actor, request: WorkRequest, scope: Scope | None) -> bool:
    """The same as :func:`visible_work_requests` says, of a request that is loaded."""
    if not may(actor, Verb.DISPLAY_WORK_REQUEST, request):
        return False
    return scope is None or request.workspace.scope_id == scope.pk


def view_work_request(
    request: WorkRequest, *, actor: Actor | None = None, is_fresh: bool = False
) -> WorkRequestRecord:
    """
    Show a request; one query, for its artifacts, and one if they were made by another.

    :param request: with workspace and scope loaded
    :param actor: who looks, if that is known
    :param is_fresh: whether it cannot have made anything yet; then there is no query
    """
    fields = _fields(request, [] if is_fresh else artifact_ids_of(request))
    if request.reused_from_id is None:
        return WorkRequestRecord.model_construct(**fields)
    origin = view_origin(request, actor=actor)
    return ReusedWorkRequest.model_construct(**fields, reused_from=origin)


def view_origin(request: WorkRequest, *, actor: Actor | None = None) -> Origin | None:
    """
    Show whose result a request has; one query if it is not its own.

    :param actor: who looks; nobody hears names from a workspace that it may not see
    :returns: None if the result is its own
    """
    if request.reused_from_id is None:
        return None
    found = WorkRequest.objects.select_related("workspace__scope", "created_by").get(
        pk=request.reused_from_id
    )
    may_see = found.workspace_id == request.workspace_id or is_visible_workspace(
        actor or ANONYMOUS, found.workspace
    )
    if not may_see:
        return Origin(work_request=found.pk)
    return Origin(
        work_request=found.pk,
        url=page_path(found),
        created_by=found.created_by.username,
        workspace=found.workspace.name,
    )


def view_work_requests(requests: Iterable[WorkRequest]) -> list[WorkRequestRecord]:
    """
    Show several requests; one query for the artifacts of all.

    :param requests: with workspace and scope loaded
    """
    rows = list(requests)
    makers = {row.pk: row.reused_from_id or row.pk for row in rows}
    artifacts: dict[int, list[int]] = {maker: [] for maker in makers.values()}
    made = (
        complete_artifacts()
        .filter(created_by_work_request__in=artifacts)
        .values_list("created_by_work_request_id", "pk")
    )
    for request_id, artifact_id in made:
        artifacts[request_id].append(artifact_id)
    return [
        WorkRequestRecord.model_construct(**_fields(row, artifacts[makers[row.pk]])) for row in rows
    ]


def _fields(row: WorkRequest, artifacts: list[int]) -> dict[str, Any]:
    """Every field of the record."""
    configured = row.configured_task_data
    return {
        "links": _links(row),
        "id": row.pk,
        "url": page_path(row),
        "parent": row.parent_id,
        "workflow_root": row.workflow_root_id,
        "created_at": row.created_at,
        "created_by": row.created_by_id,
        "completed_by": row.completed_by_id,
        "aborted_by": row.aborted_by_id,
        "started_at": row.started_at,
        "completed_at": row.completed_at,
        "duration": _duration(row),
        "status": WorkRequestStatus(row.status),
        "result": WorkRequestResults(row.result),
        "worker": row.worker_id,
        "task_type": TaskTypes(row.task_type),
        "task_name": row.task_name,
        "task_data": row.task_data if configured is None else configured,
        "dynamic_task_data": row.dynamic_task_data,
        "priority_base": row.priority_base,
        "priority_adjustment": row.priority_adjustment,
        "workflow_data": row.workflow_data,
        "event_reactions": row.event_reactions,
        "artifacts": artifacts,
        "scope": row.workspace.scope.name,
        "workspace": row.workspace.name,
        "scheduler_tags_provided": row.scheduler_tags_provided,
        "scheduler_tags_required": row.scheduler_tags_required,
    }


def _duration(row: WorkRequest) -> float | None:
    """Seconds from start to end; None unless it ran and ended."""
    if row.started_at is None or row.completed_at is None:
        return None
    return (row.completed_at - row.started_at).total_seconds()


def _links(row: WorkRequest) -> Links:
    """Paths from the server's root."""
    links: Links = {"self": api_path(row.pk), "webui_self": page_path(row)}
    for name, pk in (("parent", row.parent_id), ("workflow_root", row.workflow_root_id)):
        if pk is not None:
            links[name] = api_path(pk)
            links[f"webui_{name}"] = page_path(row, pk)
    links["webui_created_by"] = f"/-/user/{row.created_by_id}/"
    if row.aborted_by_id is not None:
        links["webui_aborted_by"] = f"/-/user/{row.aborted_by_id}/"
    return links
