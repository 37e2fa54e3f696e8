# SPDX-License-Identifier: GPL-3.0-or-later
"""Do nothing, with a result of choice: for tests and health checks."""

from __future__ import annotations

from pathlib import Path

from pydantic import field_validator
from typing_extensions import override

from debusine.domain.result import WorkRequestResults
from debusine.tasks import BaseExternalTask
from debusine.tasks.models import BaseDynamicTaskData, BaseTaskDataWithExecutor


class NoopData(BaseTaskDataWithExecutor):
    """
    What a user submits for ``noop``.

    :param result: how the task shall end; that it has no result is not an end
    """

    result: WorkRequestResults = WorkRequestResults.SUCCESS

    @field_validator("result")
    @classmethod
    def _must_be_an_end(cls, result: WorkRequestResults) -> WorkRequestResults:
        if result is WorkRequestResults.NONE:
            message = "a task ends with a result"
            raise ValueError(message)
        return result


class Noop(BaseExternalTask[NoopData, BaseDynamicTaskData]):
    """A task that does nothing."""

    TASK_VERSION = 1

    @override
    def get_subject(self) -> str | None:
        return None

    @override
    def run(self, execute_directory: Path) -> WorkRequestResults:
        return self.data.result
