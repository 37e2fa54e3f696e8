# SPDX-License-Identifier: GPL-3.0-or-later
"""Do nothing where the keys are, with a result of choice: for tests and health checks."""

from __future__ import annotations

from pathlib import Path

from typing_extensions import override

from debusine.domain.result import WorkRequestResults
from debusine.tasks.guide import Guide
from debusine.tasks.kinds.noop import AS_ASKED_FOR, ChosenResult
from debusine.tasks.models import BaseDynamicTaskData, BaseTaskData
from debusine.tasks.signing.base import SigningTask


class SigningNoopData(BaseTaskData):
    """
    What is submitted for the signing task ``noop``.

    :param result: how the task shall end; that it has no result is not an end
    """

    result: ChosenResult = WorkRequestResults.SUCCESS


class SigningNoop(SigningTask[SigningNoopData, BaseDynamicTaskData]):
    """A task that does nothing."""

    TASK_NAME = "noop"
    TASK_VERSION = 1
    GUIDE = Guide(example="result: success", results=AS_ASKED_FOR)

    @override
    def get_subject(self) -> str | None:
        return None

    @override
    def run(self, execute_directory: Path) -> WorkRequestResults:
        return self.data.result
