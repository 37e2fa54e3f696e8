# SPDX-License-Identifier: GPL-3.0-or-later
"""Do nothing on the server, with a result of choice: for tests and health checks."""

from __future__ import annotations

from typing_extensions import override

from debusine.domain.result import WorkRequestResults
from debusine.server.tasks.base import BaseServerTask
from debusine.tasks.guide import Guide
from debusine.tasks.kinds.noop import AS_ASKED_FOR, ChosenResult
from debusine.tasks.models import BaseDynamicTaskData, BaseTaskData


class ServerNoopData(BaseTaskData):
    """
    What is submitted for ``servernoop``.

    :param result: how the task shall end; that it has no result is not an end
    :param exception: whether it shall raise an exception instead
    """

    result: ChosenResult = WorkRequestResults.FAILURE
    exception: bool = False


class ServerNoop(BaseServerTask[ServerNoopData, BaseDynamicTaskData]):
    """A task that does nothing."""

    TASK_VERSION = 1
    GUIDE = Guide(example="result: success", results=AS_ASKED_FOR)

    @override
    def get_subject(self) -> str | None:
        return None

    @override
    def perform(self) -> WorkRequestResults:
        if self.data.exception:
            message = "Client requested an exception"
            raise RuntimeError(message)
        return self.data.result
