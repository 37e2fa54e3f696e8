# SPDX-License-Identifier: GPL-3.0-or-later
"""Who the caller is, and how busy the service is."""

from __future__ import annotations

from pydantic import Field

from debusine.wire.base import WireModel


class WhoAmI(WireModel):
    """Whom the server takes the caller for."""

    user: str
    auth: bool
    work_request: int | None = None
    worker: bool


class TaskCount(WireModel):
    """Requests that wait for a worker, and that run."""

    pending: int = 0
    running: int = 0


class WorkerCount(WireModel):
    """Workers that are known, that are there, and of those the idle and the busy."""

    registered: int = 0
    connected: int = 0
    idle: int = 0
    busy: int = 0


class ServiceStatus(WireModel):
    """Counts by type of task, type of worker, and architecture (``None`` for those without)."""

    tasks: dict[str, TaskCount] = Field(default_factory=dict)
    workers: dict[str, WorkerCount] = Field(default_factory=dict)
    worker_tasks: dict[str, TaskCount] = Field(default_factory=dict)
    external_workers_arch: dict[str, WorkerCount] = Field(default_factory=dict)
    external_workers_native_arch: dict[str, WorkerCount] = Field(default_factory=dict)
    worker_tasks_arch: dict[str, TaskCount] = Field(default_factory=dict)

    @property
    def architectures(self) -> list[str]:
        """Those that workers which are connected build for, sorted."""
        found = self.external_workers_arch.items()
        return sorted(name for name, count in found if count.connected and name != "None")
