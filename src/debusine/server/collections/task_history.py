# SPDX-License-Identifier: GPL-3.0-or-later
"""``debusine:task-history``: what past runs of tasks took, and how they ended."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote, unquote

from django.db.models import Q
from typing_extensions import override

from debusine.artifacts.bare_data.historical_task_run import HistoricalTaskRun
from debusine.db.models import Collection, CollectionItem, WorkRequest
from debusine.domain.lookup import BadLookupError, LookupMultiple, LookupSingle, Segment
from debusine.domain.rank import rank_of_number, rank_of_time
from debusine.domain.result import WorkRequestResults
from debusine.server.collections.base import (
    CollectionKind,
    ItemAdditionError,
    active_items,
    newest,
    numbers_of_requests,
)
from debusine.server.finder import Find
from debusine.server.past_runs import forget, kept_count

_SUCCESS = frozenset({WorkRequestResults.SUCCESS.value})
_FAILURE = frozenset(
    {
        WorkRequestResults.FAILURE.value,
        WorkRequestResults.TEMPORARY_FAILURE.value,
        WorkRequestResults.ERROR.value,
    }
)
_RESULTS: Mapping[str, frozenset[str] | None] = {
    "last-entry": None,
    "last-success": _SUCCESS,
    "last-failure": _FAILURE,
}
_PARTS = 4


class TaskHistory(CollectionKind):
    """
    Items are named ``TYPE:NAME:SUBJECT:CONTEXT:WORK-REQUEST``, subject and context quoted.

    ``last-entry:``, ``last-success:`` and ``last-failure:`` take what comes before the number.
    Of runs with the same subject and context the last success, the last failure and the
    ``old_items_to_keep`` newest are kept, 5 unless the collection's data says otherwise.
    """

    category = "debusine:task-history"
    is_singleton = True
    bare_categories = frozenset({HistoricalTaskRun.category})

    @override
    def find(self, collection: Collection, segment: Segment) -> CollectionItem | None:
        if segment.kind not in _RESULTS:
            return super().find(collection, segment)
        parts = segment.value.split(":")
        if len(parts) != _PARTS:
            raise BadLookupError(
                f"lookup {str(segment)!r} is not {segment.kind}:TYPE:NAME:SUBJECT:CONTEXT"
            )
        results = _RESULTS[segment.kind]
        items = active_items(collection)
        if results is not None:
            items = items.filter(data__result__in=results)
        return newest(items, ":".join(quote(unquote(part), safe="") for part in parts))

    @override
    def filter(self, key: str, value: LookupSingle | LookupMultiple, find: Find) -> Q:
        match key:
            case "same_work_request":
                return Q(about__in=numbers_of_requests(value, find))
            case "same_workflow":
                runs = WorkRequest.objects.filter(pk__in=numbers_of_requests(value, find))
                parents = list(runs.exclude(parent=None).values_list("parent_id", flat=True))
                siblings = WorkRequest.objects.filter(parent__in=parents)
                return Q(about__in=list(siblings.values_list("pk", flat=True)))
            case _:
                return super().filter(key, value, find)

    @override
    def check_name(self, name: str | None) -> None:
        if name is not None:
            raise ItemAdditionError(f"items of {self.category} are named by what they tell of")

    @override
    def index(self, item: CollectionItem) -> None:
        item.key = item.name.rpartition(":")[0]
        item.rank = rank_of_number(item.data["timestamp"]) + rank_of_time(item.created_at)
        item.about = item.data["work_request_id"]

    @override
    def added(self, item: CollectionItem) -> None:
        alike = CollectionItem.objects.filter(
            collection=item.collection, key=item.key, removed_at=None
        )
        known = list(alike.order_by("-rank", "-id").values_list("pk", "data__result"))
        kept = [pk for pk, _ in known[: kept_count(item.collection.data)]]
        for results in (_SUCCESS, _FAILURE):
            kept += [pk for pk, result in known if result in results][:1]
        forget(alike, kept, by=item)
