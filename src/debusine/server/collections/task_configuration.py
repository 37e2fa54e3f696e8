# SPDX-License-Identifier: GPL-3.0-or-later
"""``debusine:task-configuration``: defaults and overrides for tasks."""

from __future__ import annotations

from typing import Any

from typing_extensions import override

from debusine.artifacts.bare_data.task_configuration import TaskConfiguration
from debusine.db.models import CollectionItem
from debusine.server.collections.base import CollectionKind

GIT_COMMIT = "git_commit"


class TaskConfigurations(CollectionKind):
    """
    Entries are named ``TYPE:NAME:SUBJECT:CONTEXT``, or by file and position if they have one.

    Templates are named ``template:NAME``.
    """

    category = "debusine:task-configuration"
    bare_categories = frozenset({TaskConfiguration.category})

    @override
    def changed_data(self, data: dict[str, Any]) -> dict[str, Any]:
        """It is no longer what was pushed."""
        return {key: value for key, value in data.items() if key != GIT_COMMIT}

    @override
    def index(self, item: CollectionItem) -> None:
        if not item.data.get("template"):
            item.key = f"{item.data['task_type']}:{item.data['task_name']}"
