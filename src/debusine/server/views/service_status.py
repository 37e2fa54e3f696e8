# SPDX-License-Identifier: GPL-3.0-or-later
"""How busy the service is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from django.db.models import Count, Q

from debusine.db.models import Worker, WorkerType, WorkRequest
from debusine.domain.work_request import TaskTypes, WorkRequestStatus
from debusine.wire.info import ServiceStatus, TaskCount, WorkerCount

_COUNTED = [WorkRequestStatus.PENDING.value, WorkRequestStatus.RUNNING.value]
_ARCHITECTURE_PREFIX = "worker:build-arch:"
_RUN_BY = {
    TaskTypes.WORKER.value: WorkerType.EXTERNAL.value,
    TaskTypes.SERVER.value: WorkerType.CELERY.value,
    TaskTypes.SIGNING.value: WorkerType.SIGNING.value,
}


def service_status() -> ServiceStatus:
    """Count requests and workers; two queries."""
    tasks = _Tasks()
    rows = (
        WorkRequest.objects.filter(status__in=_COUNTED)
        .values_list("task_type", "status", "signature__required_tags")
        .annotate(count=Count("pk"))
    )
    for task_type, status, required, count in rows:
        tasks.add(task_type, status, required or [], count)
    workers = list(
        Worker.objects.filter(worker_type__in=_RUN_BY.values()).annotate(
            running=Count("attempts", filter=Q(attempts__ended_at=None))
        )
    )
    external = [worker for worker in workers if worker.worker_type == WorkerType.EXTERNAL]
    return ServiceStatus(
        tasks=_counts(tasks.by_type, TaskTypes),
        workers={kind: WorkerCount() for kind in _RUN_BY.values()}
        | _group((worker, [worker.worker_type]) for worker in workers),
        worker_tasks=_counts(tasks.by_worker_type, _RUN_BY.values()),
        external_workers_arch=_group((worker, _architectures(worker)) for worker in external),
        external_workers_native_arch=_group((worker, _native(worker)) for worker in external),
        worker_tasks_arch=_counts(tasks.by_architecture, ()),
    )


class _Tasks:
    """Numbers by group and status."""

    def __init__(self) -> None:
        self.by_type = _numbers()
        self.by_worker_type = _numbers()
        self.by_architecture = _numbers()

    def add(self, task_type: str, status: str, required: list[str], count: int) -> None:
        """Count requests that are alike."""
        self.by_type[task_type][status] += count
        worker_type = _RUN_BY.get(task_type)
        if worker_type is None:
            return
        self.by_worker_type[worker_type][status] += count
        if worker_type == WorkerType.EXTERNAL:
            architectures = _suffixes(required)
            self.by_architecture[architectures[0] if architectures else "None"][status] += count


_Numbers = defaultdict[str, defaultdict[str, int]]


def _numbers() -> _Numbers:
    return defaultdict(lambda: defaultdict(int))


def _counts(numbers: _Numbers, always: Iterable[str]) -> dict[str, TaskCount]:
    """Records of what was counted; ``always`` names groups that are shown even if empty."""
    keys = [*always, *(key for key in numbers if key not in set(always))]
    return {str(key): TaskCount(**numbers[key]) for key in keys}


def _group(members: Iterable[tuple[Worker, list[str]]]) -> dict[str, WorkerCount]:
    """Count workers in each of their groups."""
    found: dict[str, list[Worker]] = defaultdict(list)
    for worker, groups in members:
        for group in groups:
            found[group].append(worker)
    return {group: _count(workers) for group, workers in found.items()}


def _count(workers: list[Worker]) -> WorkerCount:
    connected = [worker for worker in workers if worker.connected_at is not None]
    # annotated above
    busy = sum(1 for worker in connected if getattr(worker, "running", 0))
    return WorkerCount(
        registered=len(workers), connected=len(connected), idle=len(connected) - busy, busy=busy
    )


def _suffixes(tags: Iterable[str]) -> list[str]:
    return sorted(
        tag.removeprefix(_ARCHITECTURE_PREFIX)
        for tag in tags
        if tag.startswith(_ARCHITECTURE_PREFIX)
    )


def _architectures(worker: Worker) -> list[str]:
    return _suffixes(worker.provided_tags)


def _native(worker: Worker) -> list[str]:
    native = worker.dynamic_metadata.get("system:native_architecture")
    return [native] if isinstance(native, str) else []
