# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with tasks that other packages installed; it does not prevent building."""

from __future__ import annotations

from collections.abc import Iterator

from debusine.cli.health.findings import Finding, Level
from debusine.tasks.registry import broken_plugins
from debusine.tasks.worker_report import tasks_that_raise

CHECK = "plug-ins"


def judge_plugins() -> list[Finding]:
    """Import all tasks and ask each about this machine; never empty."""
    well = Finding(check=CHECK, level=Level.OK, brief="all tasks that are installed can be used")
    return list(_warnings()) or [well]


def _warnings() -> Iterator[Finding]:
    for plugin in broken_plugins():
        name = plugin.package.partition(" ")[0]
        yield Finding(
            check=CHECK,
            level=Level.WARNING,
            brief=f"{plugin.package} cannot be used ({plugin.entry_point}): {plugin.brief}",
            remedy=f"{plugin.remedy} Or remove it: pip uninstall {name}",
        )
    for task, error in tasks_that_raise().items():
        yield Finding(
            check=CHECK,
            level=Level.WARNING,
            brief=f"{task.name} cannot look at this machine: {type(error).__name__}: {error}",
            remedy="Mend its analyze_worker or get_provided_worker_tags"
            f" in {task.__module__}.{task.__qualname__}.",
        )
