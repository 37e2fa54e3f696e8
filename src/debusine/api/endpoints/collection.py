# SPDX-License-Identifier: GPL-3.0-or-later
"""Collections and their items."""

from __future__ import annotations

from django.http import HttpResponse
from ninja import Router

from debusine.api.answer import answer, empty
from debusine.api.page import answer_page
from debusine.api.request import ApiRequest
from debusine.db.models import Collection, CollectionItem
from debusine.db.prefix import begins
from debusine.domain.permission import MAX_ID
from debusine.domain.workflow import INTERNAL
from debusine.errors import NotFoundError
from debusine.server.access import find_workspace
from debusine.server.actions.change_collection import remove_collection_item
from debusine.server.actions.configure_collection import configure_collection
from debusine.server.actions.create_collection import create_collection
from debusine.server.actions.delete_collection import delete_collection
from debusine.server.collections.base import active_items
from debusine.server.lookup import find_collection
from debusine.server.views.collection import view_collection, view_item
from debusine.util.clock import SystemClock
from debusine.wire import collection as wire
from debusine.wire.lookup import NamedItem
from debusine.wire.page import Page

router = Router()
_clock = SystemClock()


@router.get("collection/{workspace}/", response=Page[wire.Collection], summary="List collections")
def list_collections(request: ApiRequest, workspace: str) -> HttpResponse:
    """Collections of a workspace, by category and name."""
    request.actor.require_user()
    place = find_workspace(request.actor, request.scope_row, workspace)
    rows = (
        Collection.objects.select_related("workspace__scope")
        .filter(workspace=place)
        .exclude(category=INTERNAL)
        .order_by("category", "name", "id")
    )
    return answer_page(request, rows, view_collection)


@router.post(
    "collection/{workspace}/", response={201: wire.Collection}, summary="Create collection"
)
def create(request: ApiRequest, workspace: str, wanted: wire.CollectionCreate) -> HttpResponse:
    """Create a collection; for owners of the workspace."""
    request.actor.require_user()
    place = find_workspace(request.actor, request.scope_row, workspace)
    made = create_collection(request.actor, workspace=place, wanted=wanted)
    return answer(view_collection(made), status=201)


@router.get(
    "collection/{workspace}/{int:collection_id}/",
    response=wire.Collection,
    summary="Show collection",
)
def show_by_id(request: ApiRequest, workspace: str, collection_id: int) -> HttpResponse:
    """Show a collection."""
    found = _find(request, workspace, id=min(collection_id, MAX_ID))
    return answer(view_collection(found))


@router.put(
    "collection/{workspace}/{int:collection_id}/",
    response=wire.Collection,
    summary="Replace collection",
)
def replace(
    request: ApiRequest, workspace: str, collection_id: int, wanted: wire.CollectionCreate
) -> HttpResponse:
    """Say anew what a collection is called and what its data are; for its owners."""
    found = _find(request, workspace, id=min(collection_id, MAX_ID))
    whole = wire.CollectionUpdate.model_validate(wanted.model_dump())
    configure_collection(request.actor, collection=found, wanted=whole)
    return answer(view_collection(found))


@router.patch(
    "collection/{workspace}/{int:collection_id}/",
    response=wire.Collection,
    summary="Change collection",
)
def change(
    request: ApiRequest, workspace: str, collection_id: int, wanted: wire.CollectionUpdate
) -> HttpResponse:
    """Change a collection; for its owners."""
    found = _find(request, workspace, id=min(collection_id, MAX_ID))
    configure_collection(request.actor, collection=found, wanted=wanted)
    return answer(view_collection(found))


@router.delete(
    "collection/{workspace}/{int:collection_id}/",
    response={204: None},
    summary="Delete collection",
)
def delete(request: ApiRequest, workspace: str, collection_id: int) -> HttpResponse:
    """Delete a collection with its items; artifacts stay. For its owners."""
    found = _find(request, workspace, id=min(collection_id, MAX_ID))
    delete_collection(request.actor, collection=found)
    return empty(204)


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
    rows = active_items(_find_inherited(request, workspace, category=category, name=name))
    rows = rows.filter(begins("name", request.GET.get("name__startswith", "")))
    wanted = request.GET.get("category")
    if wanted is not None:
        rows = rows.filter(category=wanted)
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
    return answer(view_item(_find_item(request, workspace, category, name, item)))


@router.delete(
    "collection/{workspace}/{category}/{name}/item/{item}/",
    response={204: None},
    summary="Remove item",
)
def remove(
    request: ApiRequest, workspace: str, category: str, name: str, item: str
) -> HttpResponse:
    """Remove an item and what makes no sense without it; for owners of the collection."""
    found = _find_item(request, workspace, category, name, item)
    remove_collection_item(request.actor, item=found, now=_clock.now())
    return empty(204)


def _find_item(
    request: ApiRequest, workspace: str, category: str, name: str, item: str
) -> CollectionItem:
    """
    The active item that a URL names.

    :raises NotFoundError: if there is none that the caller sees
    """
    collection = _find_inherited(request, workspace, category=category, name=name)
    found = active_items(collection).filter(name=item).first()
    if found is None:
        raise NotFoundError("Object not found", details=f"No item {item:.255} in {collection}")
    return found


def _find_inherited(request: ApiRequest, workspace: str, *, category: str, name: str) -> Collection:
    """
    The collection that a URL names, there or where the workspace inherits from.

    :raises NotFoundError: if there is none that the caller sees
    """
    request.actor.require_user()
    place = find_workspace(request.actor, request.scope_row, workspace)
    found = find_collection(request.actor, place, category=category, name=name)
    if found is None:
        raise NotFoundError("Object not found", details="No such collection")
    return found


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
