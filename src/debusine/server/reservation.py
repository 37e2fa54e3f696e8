# SPDX-License-Identifier: GPL-3.0-or-later
"""What requests need of workers, by what earlier runs of the same kind took."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import CharField, Q, Sum
from django.db.models.functions import Coalesce

from debusine.db.models import Attempt, RunRecord, Signature, Worker, WorkRequest
from debusine.db.prepared import Param, PreparedValues
from debusine.db.prepared_change import PreparedDelete, PreparedInsert
from debusine.domain.resources import KEPT_RUNS, Offer, Resources, Run, needed
from debusine.wire.work_request import RuntimeStatistics

_MIB = 1024 * 1024
_MAX_TEXT = 255

MEASURES = ("memory_mib", "disk_mib", "cpu_count")
OFFER_FIELDS = ("concurrency", *MEASURES)
# annotations of a query of workers: what is kept for what they run
HELD = {
    f"held_{measure}": Coalesce(Sum(f"attempts__{measure}", filter=Q(attempts__ended_at=None)), 0)
    for measure in MEASURES
}

_KEY = ("task_type", "task_name", "subject", "context")
_ALIKE = {name: Param(name, CharField()) for name in _KEY}
_RUNS = PreparedValues(
    lambda: (
        RunRecord.objects.filter(**_ALIKE)
        .order_by("-completed_at")
        .values_list("memory_mib", "disk_mib", "duration_s", "cpu_time_s", "ran_out")[:KEPT_RUNS]
    )
)
_INSERT = PreparedInsert(RunRecord)
_FORGET = PreparedDelete(
    lambda: RunRecord.objects.filter(
        pk__in=RunRecord.objects.filter(**_ALIKE)
        .order_by("-completed_at", "-pk")
        .values("pk")[KEPT_RUNS:]
    )
)


@dataclass(frozen=True, kw_only=True, slots=True)
class RunKind:
    """Which runs are alike: those of one task, subject and context."""

    task_type: str
    task_name: str
    subject: str
    context: str

    @classmethod
    def of(cls, request: WorkRequest, *, subject: str | None, context: str | None) -> RunKind:
        """
        Which runs those of a request belong to.

        :param subject: of the task
        :param context: runs with the same one take about as long
        """
        return cls(
            task_type=request.task_type,
            task_name=request.task_name,
            subject=(subject or "")[:_MAX_TEXT],
            context=(context or "")[:_MAX_TEXT],
        )

    def as_columns(self) -> dict[str, str]:
        """Values of the columns that tell kinds apart."""
        return {name: getattr(self, name) for name in _KEY}


def learned_need(kind: RunKind) -> Resources:
    """Estimate what a request needs; one query."""
    rows = _RUNS.all(**kind.as_columns())
    return needed(
        [
            Run(
                memory_mib=memory,
                disk_mib=disk,
                duration_s=duration,
                cpu_time_s=cpu,
                ran_out=bool(ran_out),
            )
            for memory, disk, duration, cpu, ran_out in rows
        ]
    )


def remember_run(request: WorkRequest, statistics: RuntimeStatistics, *, now: datetime) -> None:
    """Note what a successful run took; two queries, within a transaction."""
    _remember(
        request,
        RunRecord(
            completed_at=now,
            duration_s=statistics.duration,
            cpu_time_s=statistics.cpu_time,
            memory_mib=_mib(statistics.memory),
            disk_mib=_mib(statistics.disk_space),
        ),
    )


def remember_shortage(attempt: Attempt, *, now: datetime) -> None:
    """Note that an attempt had too little memory, if it had a limit; two queries."""
    if attempt.memory_mib:
        record = RunRecord(completed_at=now, memory_mib=attempt.memory_mib, ran_out=True)
        _remember(attempt.work_request, record)


def _remember(request: WorkRequest, record: RunRecord) -> None:
    """Store a record and forget the oldest ones of its kind."""
    known = request.dynamic_task_data or {}
    kind = RunKind.of(request, subject=known.get("subject"), context=known.get("runtime_context"))
    for name, value in kind.as_columns().items():
        setattr(record, name, value)
    _INSERT.save(record)
    _FORGET.run(**kind.as_columns())


def _mib(size_bytes: int | None) -> int | None:
    """Round up; what a column can hold."""
    return None if size_bytes is None else min(-(-size_bytes // _MIB), (1 << 31) - 1)


def offer_of(worker: Worker) -> Offer:
    """What a worker has for all that it runs."""
    return Offer(
        slots=worker.concurrency,
        memory_mib=worker.memory_mib,
        disk_mib=worker.disk_mib,
        cpu_count=worker.cpu_count,
    )


def held_of(worker: Worker) -> Resources:
    """What of a worker is kept for what it runs; the query has :data:`HELD`."""
    return Resources(**{measure: getattr(worker, f"held_{measure}") for measure in MEASURES})


def amount(row: Signature | Attempt) -> Resources:
    """What requests of a signature need, or what is kept for an attempt."""
    return Resources(memory_mib=row.memory_mib, disk_mib=row.disk_mib, cpu_count=row.cpu_count)
