# SPDX-License-Identifier: GPL-3.0-or-later
"""Artifacts and their relations; their files go through ``debusine.api.transfer``."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from ninja import Router

from debusine.api.answer import answer, answer_list, empty
from debusine.api.request import ApiRequest
from debusine.db.models import Artifact, ArtifactRelation
from debusine.errors import UserError
from debusine.server.access import find_artifact, find_workspace, is_visible
from debusine.server.actions.create_artifact import create_artifact
from debusine.server.actions.create_relation import create_relation
from debusine.server.actions.delete_relation import delete_relation
from debusine.server.stores import default_store
from debusine.server.views.artifact import view_artifact, view_relation
from debusine.util.clock import SystemClock
from debusine.wire.artifact import (
    ArtifactCreate,
    ArtifactResponse,
    RelationCreate,
    RelationResponse,
)

router = Router()


@router.post("artifact/", response={201: ArtifactResponse}, summary="Create artifact")
def create(request: ApiRequest, wanted: ArtifactCreate) -> HttpResponse:
    """Declare an artifact; the answer says which files have to be uploaded."""
    artifact = create_artifact(
        request.actor,
        wanted,
        scope=request.scope_row,
        store=default_store(),
        now=SystemClock().now(),
    )
    return _answer(request, artifact, status=201)


@router.get("artifact/{int:artifact_id}/", response=ArtifactResponse, summary="Show artifact")
def show(request: ApiRequest, artifact_id: int) -> HttpResponse:
    """Show an artifact of the current scope."""
    artifact = find_artifact(request.actor, artifact_id, scope=request.scope_row)
    return _answer(request, artifact)


@router.get(
    "artifact/{workspace}/{int:artifact_id}/", response=ArtifactResponse, summary="Show artifact"
)
def show_from_workspace(request: ApiRequest, workspace: str, artifact_id: int) -> HttpResponse:
    """Show an artifact as seen from a workspace; tasks read their inputs this way."""
    place = find_workspace(request.actor, request.scope_row, workspace)
    artifact = find_artifact(
        request.actor, artifact_id, scope=request.scope_row, workspace=place.name
    )
    return _answer(request, artifact)


@router.get("artifact-relation/", response=list[RelationResponse], summary="List relations")
def list_relations(
    request: ApiRequest, artifact: int | None = None, target_artifact: int | None = None
) -> HttpResponse:
    """Relations that start at one artifact, or point to it."""
    if (artifact is None) == (target_artifact is None):
        raise UserError("Error", details='"artifact" or "target_artifact" parameter is needed')
    relations = ArtifactRelation.objects.select_related("artifact__workspace", "target__workspace")
    if artifact is not None:
        row = find_artifact(request.actor, artifact, scope=request.scope_row)
        found = relations.filter(artifact=row).order_by("id")
    else:
        row = find_artifact(request.actor, target_artifact or 0, scope=request.scope_row)
        found = relations.filter(target=row).order_by("id")
    return answer_list(
        view_relation(relation)
        for relation in found
        if is_visible(request.actor, relation.artifact)
        and is_visible(request.actor, relation.target)
    )


@router.post(
    "artifact-relation/",
    response={200: RelationResponse, 201: RelationResponse},
    summary="Create relation",
)
def relate(request: ApiRequest, wanted: RelationCreate) -> HttpResponse:
    """Relate an artifact to another; 200 if they are related already."""
    relation, is_new = create_relation(
        request.actor, artifact=wanted.artifact, target=wanted.target, relation_type=wanted.type
    )
    return answer(view_relation(relation), status=201 if is_new else 200)


@router.delete(
    "artifact-relation/{int:relation_id}/", response={204: None}, summary="Delete relation"
)
def unrelate(request: ApiRequest, relation_id: int) -> HttpResponse:
    """Remove a relation."""
    delete_relation(request.actor, relation_id)
    return empty(204)


def _answer(request: HttpRequest, artifact: Artifact, *, status: int = 200) -> HttpResponse:
    base_url = request.build_absolute_uri("/").rstrip("/")
    return answer(view_artifact(artifact, base_url=base_url), status=status)
