# SPDX-License-Identifier: GPL-3.0-or-later
"""Do nothing where the keys are, with a result of choice: for tests and health checks."""

from __future__ import annotations

from pathlib import Path

from pydantic import field_validator
from typing_extensions import override

from debusine.domain.result import WorkRequestResults
from debusine.tasks.models import BaseDynamicTaskData, BaseTaskData
from debusine.tasks.signing.base import SigningTask


class SigningNoopData(BaseTaskData):
    """
    What is submitted for the signing task ``noop``.

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


class SigningNoop(SigningTask[SigningNoopData, BaseDynamicTaskData]):
    """A task that does nothing."""

    TASK_NAME = "noop"
    TASK_VERSION = 1

    @override
    def get_subject(self) -> str | None:
        return None

    @override
    def run(self, execute_directory: Path) -> WorkRequestResults:
        return self.data.result
