# SPDX-License-Identifier: GPL-3.0-or-later
"""Collections and their items, as they go over the wire."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import quote

from django.db.models import Case, Count, Value, When

from debusine.db.models import Collection, CollectionItem
from debusine.wire import collection as wire
from debusine.wire.base import Link
from debusine.wire.lookup import NamedItem


def api_path(collection: Collection) -> str:
    """Path of a collection in the API; its workspace must be loaded."""
    place = quote(collection.workspace.name)
    return f"/api/1.0/collection/{place}/{quote(collection.category)}/{quote(collection.name)}/"


def item_api_path(item: CollectionItem) -> str:
    """Path of an item in the API; its collection and workspace must be loaded."""
    return f"{api_path(item.collection)}item/{quote(item.name)}/"


def web_path(collection: Collection) -> str:
    """Path of a collection's page; its workspace and scope must be loaded."""
    return f"{_category_path(collection)}{quote(collection.name)}/"


def view_collection(collection: Collection, *, with_statistics: bool = False) -> wire.Collection:
    """Show a collection; no query, with statistics one."""
    return wire.Collection(
        id=collection.pk,
        category=collection.category,
        name=collection.name,
        full_history_retention_period=_days(collection.full_history_retention_period),
        metadata_only_retention_period=_days(collection.metadata_only_retention_period),
        data=collection.data,
        stats=_statistics(collection) if with_statistics else None,
        links={
            "self": api_path(collection),
            "webui_self": web_path(collection),
            "webui_category": Link(href=_category_path(collection), type="category"),
        },
    )


def view_item(item: CollectionItem) -> NamedItem:
    """Show an item; no query."""
    return NamedItem(name=item.name, category=item.category, data=item.data)


def _category_path(collection: Collection) -> str:
    workspace = collection.workspace
    place = f"/{quote(workspace.scope.name)}/{quote(workspace.name)}"
    return f"{place}/collection/{quote(collection.category)}/"


def _days(period: timedelta | None) -> int | None:
    return None if period is None else period.days


def _statistics(collection: Collection) -> list[wire.CollectionStatistics]:
    rows = (
        CollectionItem.objects.filter(collection=collection)
        .values(
            "child_type",
            "category",
            active=Case(When(removed_at=None, then=Value(True)), default=Value(False)),  # noqa: FBT003  SQL, not a parameter
        )
        .annotate(count=Count("id"))
        .order_by("child_type", "category", "-active")
    )
    return [
        wire.CollectionStatistics.model_validate({**row, "type": row["child_type"]}) for row in rows
    ]
