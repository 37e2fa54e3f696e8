# SPDX-License-Identifier: GPL-3.0-or-later
"""Do nothing, with a result of choice: for tests and health checks."""

from __future__ import annotations

from pathlib import Path

from typing_extensions import override

from debusine.domain.result import WorkRequestResults
from debusine.tasks import BaseExternalTask
from debusine.tasks.models import BaseDynamicTaskData, BaseTaskDataWithExecutor


class NoopData(BaseTaskDataWithExecutor):
    """
    What a user submits for ``noop``.

    :param result: how the task shall end
    """

    result: WorkRequestResults = WorkRequestResults.SUCCESS


class Noop(BaseExternalTask[NoopData, BaseDynamicTaskData]):
    """A task that does nothing."""

    TASK_VERSION = 1

    @override
    def get_subject(self) -> str | None:
        return None

    @override
    def run(self, execute_directory: Path) -> WorkRequestResults:
        return self.data.result
