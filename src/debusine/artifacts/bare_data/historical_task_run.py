# SPDX-License-Identifier: GPL-3.0-or-later
"""``debusine:historical-task-run``: what a task took when it ran."""

from __future__ import annotations

from urllib.parse import quote

from typing_extensions import override

from debusine.artifacts.bare_data.base import BareData, BareDataKind
from debusine.domain.category import BareDataCategory
from debusine.domain.output_data import RuntimeStatistics
from debusine.domain.result import WorkRequestResults
from debusine.domain.work_request import TaskTypes


class HistoricalTaskRunData(BareData):
    """
    One run.

    :param task_type: of the task
    :param task_name: of the task
    :param subject: what the task was about, usually a source package
    :param context: runs with the same one take about as long
    :param timestamp: when the run began, in seconds since 1970
    :param work_request_id: of the run
    :param result: of the run
    :param runtime_statistics: what the run took
    """

    task_type: TaskTypes
    task_name: str
    subject: str | None = None
    context: str | None = None
    timestamp: int
    work_request_id: int
    result: WorkRequestResults
    runtime_statistics: RuntimeStatistics


class HistoricalTaskRun(BareDataKind[HistoricalTaskRunData]):
    """One item per run."""

    category = BareDataCategory("debusine:historical-task-run")
    title = "Run of a task"

    @classmethod
    @override
    def item_name(cls, data: HistoricalTaskRunData) -> str:
        subject, context = quote(data.subject or "", safe=""), quote(data.context or "", safe="")
        return f"{data.task_type}:{data.task_name}:{subject}:{context}:{data.work_request_id}"
