# SPDX-License-Identifier: GPL-3.0-or-later
"""The documented API for authors of tasks, and nothing else."""

from debusine.tasks.base import BaseExternalTask
from debusine.tasks.checks import ensure_artifact_categories, ensure_collection_category
from debusine.tasks.command import RunCommandTask
from debusine.tasks.errors import TaskConfigError
from debusine.tasks.extra_repository import ExtraRepositoryMixin
from debusine.tasks.with_executor import BaseTaskWithExecutor
from debusine.tasks.worker_report import (
    analyze_external_worker_tasks,
    get_provided_external_worker_tags,
)

__all__ = [
    "BaseExternalTask",
    "BaseTaskWithExecutor",
    "ExtraRepositoryMixin",
    "RunCommandTask",
    "TaskConfigError",
    "analyze_external_worker_tasks",
    "ensure_artifact_categories",
    "ensure_collection_category",
    "get_provided_external_worker_tags",
]
