# SPDX-License-Identifier: GPL-3.0-or-later
"""``debian:package-build-logs``: what builds printed, and builds that are to come."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import Q
from typing_extensions import override

from debusine.artifacts.bare_data.package_build_log import PackageBuildLog, PackageBuildLogData
from debusine.artifacts.kinds.build_log import BuildLog
from debusine.db.models import Artifact, CollectionItem
from debusine.domain.lookup import LookupMultiple, LookupSingle
from debusine.server.collections.base import (
    REPLACES_PLACEHOLDERS,
    CollectionKind,
    NewItem,
    numbers_of_requests,
)
from debusine.server.finder import Find
from debusine.server.past_runs import parsed, worker_of


class PackageBuildLogs(CollectionKind):
    """
    Items are named ``VENDOR_CODENAME_ARCHITECTURE_SOURCE_VERSION_WORK-REQUEST``.

    A log takes the place of the bare data that stood for the build before it ran.
    """

    category = "debian:package-build-logs"
    is_singleton = True
    artifact_categories = frozenset({BuildLog.category})
    bare_categories = frozenset({PackageBuildLog.category})
    replaces = REPLACES_PLACEHOLDERS

    @override
    def filter(self, key: str, value: LookupSingle | LookupMultiple, find: Find) -> Q:
        if key != "same_work_request":
            return super().filter(key, value, find)
        return Q(about__in=numbers_of_requests(value, find))

    @override
    def describe(self, artifact: Artifact, variables: Mapping[str, Any]) -> NewItem:
        if artifact.category not in self.artifact_categories:
            return super().describe(artifact, variables)
        data = {
            "srcpkg_name": artifact.data["source"],
            "srcpkg_version": artifact.data["version"],
            **variables,
        }
        log = parsed(PackageBuildLogData, data)
        worker = worker_of(log.work_request_id)
        if worker is not None:
            log = log.model_copy(update={"worker": worker})
        return NewItem(
            name=PackageBuildLog.item_name(log),
            data=log.model_dump(mode="json", exclude_none=True),
        )

    @override
    def index(self, item: CollectionItem) -> None:
        item.about = item.data["work_request_id"]
