# SPDX-License-Identifier: GPL-3.0-or-later
"""Do nothing, with a result of choice: for tests and health checks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator
from typing_extensions import override

from debusine.domain.action_key import Network
from debusine.domain.result import WorkRequestResults
from debusine.tasks import BaseExternalTask
from debusine.tasks.guide import Guide
from debusine.tasks.models import BaseDynamicTaskData, BaseTaskDataWithExecutor


def _must_be_an_end(result: WorkRequestResults) -> WorkRequestResults:
    if result is WorkRequestResults.NONE:
        message = "a task ends with a result"
        raise ValueError(message)
    return result


ChosenResult = Annotated[WorkRequestResults, AfterValidator(_must_be_an_end)]


AS_ASKED_FOR = {result: "asked for in `result`" for result in WorkRequestResults if result}
"""What the results of tasks mean that do nothing."""


class NoopData(BaseTaskDataWithExecutor):
    """
    What a user submits for ``noop``.

    :param result: how the task shall end; that it has no result is not an end
    """

    result: ChosenResult = WorkRequestResults.SUCCESS


class Noop(BaseExternalTask[NoopData, BaseDynamicTaskData]):
    """A task that does nothing."""

    TASK_VERSION = 1
    GUIDE = Guide(
        example="result: success",
        results=AS_ASKED_FOR,
        limits="The environment is not used, whatever is given.",
    )
    NETWORK = Network.NONE

    @override
    def get_subject(self) -> str | None:
        return None

    @override
    def run(self, execute_directory: Path) -> WorkRequestResults:
        return self.data.result
