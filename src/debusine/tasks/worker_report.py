# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tasks of this machine say about it to the scheduler."""

from __future__ import annotations

from typing import Any

from debusine.tasks.base import BaseExternalTask


def analyze_external_worker_tasks() -> dict[str, Any]:
    """Metadata that every task that is known here contributes."""
    metadata: dict[str, Any] = {}
    for task in BaseExternalTask.registry.all():
        metadata.update(task.analyze_worker())
    return metadata


def get_provided_external_worker_tags() -> set[str]:
    """Worker tags that every task that is known here contributes."""
    tags: set[str] = set()
    for task in BaseExternalTask.registry.all():
        tags.update(task.get_provided_worker_tags())
    return tags
