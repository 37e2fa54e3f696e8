# SPDX-License-Identifier: GPL-3.0-or-later
"""``debusine:task-configuration``: defaults and overrides for tasks."""

from __future__ import annotations

from typing_extensions import override

from debusine.artifacts.bare_data.task_configuration import TaskConfiguration
from debusine.db.models import CollectionItem
from debusine.server.collections.base import CollectionKind


class TaskConfigurations(CollectionKind):
    """
    Entries are named ``TYPE:NAME:SUBJECT:CONTEXT``, or by file and position if they have one.

    Templates are named ``template:NAME``.
    """

    category = "debusine:task-configuration"
    bare_categories = frozenset({TaskConfiguration.category})

    @override
    def index(self, item: CollectionItem) -> None:
        if not item.data.get("template"):
            item.key = f"{item.data['task_type']}:{item.data['task_name']}"
