# SPDX-License-Identifier: GPL-3.0-or-later
"""Collections and their items, for reading."""

from __future__ import annotations

from django.http import HttpResponse
from ninja import Router

from debusine.api.answer import answer
from debusine.api.page import answer_page
from debusine.api.request import ApiRequest
from debusine.db.models import Collection
from debusine.domain.permission import MAX_ID
from debusine.errors import NotFoundError
from debusine.server.access import find_workspace
from debusine.server.collections.base import active_items
from debusine.server.lookup import WORKFLOW_INTERNAL
from debusine.server.views.collection import view_collection, view_item
from debusine.wire import collection as wire
from debusine.wire.lookup import NamedItem
from debusine.wire.page import Page

router = Router()


@router.get("collection/{workspace}/", response=Page[wire.Collection], summary="List collections")
def list_collections(request: ApiRequest, workspace: str) -> HttpResponse:
    """Collections of a workspace, by category and name."""
    request.actor.require_user()
    place = find_workspace(request.actor, request.scope_row, workspace)
    rows = (
        Collection.objects.select_related("workspace__scope")
        .filter(workspace=place)
        .exclude(category=WORKFLOW_INTERNAL)
        .order_by("category", "name", "id")
    )
    return answer_page(request, rows, view_collection)


@router.get(
    "collection/{workspace}/{int:collection_id}/",
    response=wire.Collection,
    summary="Show collection",
)
def show_by_id(request: ApiRequest, workspace: str, collection_id: int) -> HttpResponse:
    """Show a collection."""
    found = _find(request, workspace, id=min(collection_id, MAX_ID))
    return answer(view_collection(found))


@router.get(
    "collection/{workspace}/{category}/{name}/",
    response=wire.Collection,
    summary="Show collection",
)
def show(
    request: ApiRequest, workspace: str, category: str, name: str, *, stats: bool = False
) -> HttpResponse:
    """Show a collection, if asked with the numbers of its items."""
    found = _find(request, workspace, category=category, name=name)
    return answer(view_collection(found, with_statistics=stats))


@router.get(
    "collection/{workspace}/{category}/{name}/item/",
    response=Page[NamedItem],
    summary="List items",
)
def list_items(request: ApiRequest, workspace: str, category: str, name: str) -> HttpResponse:
    """Active items by name; ``name__startswith`` and ``category`` narrow them."""
    rows = active_items(_find(request, workspace, category=category, name=name))
    for key in ("name__startswith", "category"):
        value = request.GET.get(key)
        if value is not None:
            rows = rows.filter(**{key: value})
    return answer_page(request, rows.order_by("name", "id"), view_item)


@router.get(
    "collection/{workspace}/{category}/{name}/item/{item}/",
    response=NamedItem,
    summary="Show item",
)
def show_item(
    request: ApiRequest, workspace: str, category: str, name: str, item: str
) -> HttpResponse:
    """Show an active item."""
    collection = _find(request, workspace, category=category, name=name)
    found = active_items(collection).filter(name=item).first()
    if found is None:
        raise NotFoundError("Object not found", details=f"No item {item:.255} in {collection}")
    return answer(view_item(found))


def _find(request: ApiRequest, workspace: str, **conditions: str | int) -> Collection:
    """
    The collection that a URL names.

    :raises NotFoundError: if there is none that the caller sees
    """
    request.actor.require_user()
    place = find_workspace(request.actor, request.scope_row, workspace)
    rows = Collection.objects.select_related("workspace__scope")
    found = rows.filter(workspace=place, **conditions).first()
    if found is None:
        raise NotFoundError("Object not found", details="No such collection")
    return found
