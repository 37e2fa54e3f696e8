# SPDX-License-Identifier: GPL-3.0-or-later
"""``debian:qa-results``: how checks of the packages of a suite went."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from typing_extensions import override

from debusine.artifacts.bare_data.qa_result import QAResult, QAResultData
from debusine.artifacts.kinds.autopkgtest import Autopkgtest
from debusine.artifacts.kinds.blhc import Blhc
from debusine.artifacts.kinds.lintian import Lintian
from debusine.artifacts.kinds.piuparts import Piuparts
from debusine.db.models import Artifact, Collection, CollectionItem
from debusine.domain.lookup import BadLookupError, Segment
from debusine.domain.rank import rank_of_number, rank_of_time
from debusine.server.collections.base import (
    CollectionKind,
    ItemAdditionError,
    NewItem,
    active_items,
    newest,
)
from debusine.server.past_runs import find_run, forget, kept_count, parsed

_PARTS = 3


class QAResults(CollectionKind):
    """
    Items are named ``TASK_PACKAGE_VERSION_ARCHITECTURE_WORK-REQUEST``.

    ``latest:TASK_PACKAGE_ARCHITECTURE`` finds the one of the highest timestamp. Of each of
    these, the ``old_items_to_keep`` newest are kept, 5 unless the collection's data says otherwise.
    """

    category = "debian:qa-results"
    artifact_categories = frozenset(
        {Autopkgtest.category, Blhc.category, Lintian.category, Piuparts.category}
    )
    bare_categories = frozenset({QAResult.category})

    @override
    def find(self, collection: Collection, segment: Segment) -> CollectionItem | None:
        if segment.kind != "latest":
            return super().find(collection, segment)
        parts = segment.value.split("_")
        if len(parts) != _PARTS or not all(parts):
            raise BadLookupError(f"lookup {str(segment)!r} is not latest:TASK_PACKAGE_ARCHITECTURE")
        return newest(active_items(collection), segment.value)

    @override
    def describe(self, artifact: Artifact, variables: Mapping[str, Any]) -> NewItem:
        if artifact.category not in self.artifact_categories:
            return super().describe(artifact, variables)
        return _describe(variables)

    @override
    def describe_bare(self, category: str, data: Mapping[str, Any]) -> NewItem:
        if category not in self.bare_categories:
            return super().describe_bare(category, data)
        return _describe(data)

    @override
    def check_name(self, name: str | None) -> None:
        if name is not None:
            raise ItemAdditionError(f"items of {self.category} are named by what they tell of")

    @override
    def index(self, item: CollectionItem) -> None:
        data = item.data
        item.key = "_".join((data["task_name"], data["package"], data["architecture"]))
        item.rank = rank_of_number(data["timestamp"]) + rank_of_time(item.created_at)
        item.about = data["work_request_id"]

    @override
    def added(self, item: CollectionItem) -> None:
        alike = CollectionItem.objects.filter(
            collection=item.collection, key=item.key, removed_at=None
        )
        count = kept_count(item.collection.data)
        kept = alike.order_by("-rank", "-id").values_list("pk", flat=True)[:count]
        forget(alike, list(kept), by=item)


def _describe(variables: Mapping[str, Any]) -> NewItem:
    """
    Say how a check went; task and result are those of its work request.

    :raises ItemAdditionError: if something is missing, or there is no such work request
    """
    run = find_run(variables.get("work_request_id"))
    data = {**variables, "task_name": run.task_name, "result": run.result}
    result = parsed(QAResultData, data)
    parts = (result.task_name, result.package, result.version, result.architecture)
    if any(not part or "_" in part for part in parts):
        raise ItemAdditionError(f"names, versions, architectures cannot hold '_': {list(parts)}")
    return NewItem(name=QAResult.item_name(result), data=result.model_dump(mode="json"))
