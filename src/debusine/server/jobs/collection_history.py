# SPDX-License-Identifier: GPL-3.0-or-later
"""
Forget, in two steps, what was removed from collections long ago.

For the full period the artifact stays with its item, so that it is kept; for the second
one only the item's data do. A collection without such a period keeps for ever.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db.models import Q, QuerySet

from debusine.db.models import Collection, CollectionItem

BATCH = 500
_LINKED = Q(artifact__isnull=False) | Q(child_collection__isnull=False)


def forget_links(now: datetime) -> int:
    """
    Let a part of the artifacts and collections go that removed items point to.

    :returns: how many items that were; 0 if none is left
    """
    return sum(
        items.update(artifact=None, child_collection=None)
        for items in _some(now, _LINKED, with_data=False)
    )


def forget_items(now: datetime) -> int:
    """
    Forget a part of the removed items.

    :returns: how many there were; 0 if none is left
    """
    return sum(items.delete()[0] for items in _some(now, Q(), with_data=True))


def _some(now: datetime, condition: Q, *, with_data: bool) -> Iterator[QuerySet[CollectionItem]]:
    """Some of the items of each collection whose time is over."""
    limited = Collection.objects.exclude(full_history_retention_period=None)
    if with_data:
        limited = limited.exclude(metadata_only_retention_period=None)
    for collection in limited.order_by("pk"):
        period = collection.full_history_retention_period or timedelta()
        if with_data:
            period += collection.metadata_only_retention_period or timedelta()
        old = collection.items.filter(condition, removed_at__lt=now - period).order_by("pk")
        yield CollectionItem.objects.filter(pk__in=list(old.values_list("pk", flat=True)[:BATCH]))
