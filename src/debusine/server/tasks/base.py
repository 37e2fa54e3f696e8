# SPDX-License-Identifier: GPL-3.0-or-later
"""What every task that runs on the server must answer."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import Any, Generic, TypeAlias

from typing_extensions import TypeVar, override

from debusine.artifacts.kinds.debug_logs import DebugLogs
from debusine.db.models import Attempt, WorkRequest
from debusine.domain.result import WorkRequestResults
from debusine.domain.work_request import TaskTypes
from debusine.server.actor import Actor
from debusine.server.local_artifact import add_local_artifact
from debusine.tasks.base import BaseExternalTask
from debusine.tasks.models import BaseDynamicTaskData, BaseTaskData

TD = TypeVar("TD", bound=BaseTaskData)
DTD = TypeVar("DTD", bound=BaseDynamicTaskData, default=BaseDynamicTaskData)

AnyServerTask: TypeAlias = "BaseServerTask[Any, Any]"


class BaseServerTask(BaseExternalTask[TD, DTD], Generic[TD, DTD]):
    """
    Base of tasks that run on the server, in a thread beside others, never on code of users.

    Its code works with rows. It changes them in short transactions, as all of the server
    does: a long one would keep everybody else from writing. A server that is killed
    tries the task again, so what it does has to be safe to do twice.
    """

    TASK_TYPE = TaskTypes.SERVER

    work_request: WorkRequest
    """What it runs for, with workspace, scope and creator loaded."""

    attempt: Attempt
    """Which try this is."""

    @property
    def actor(self) -> Actor:
        """Who acts: the running task, with the rights of who asked for it."""
        return Actor(user=self.work_request.created_by, attempt=self.attempt)

    @abstractmethod
    def perform(self) -> WorkRequestResults:
        """
        Do the work; an exception makes the result an error.

        What lasts looks at ``aborted`` now and then, and returns soon once it is true.
        """

    @override
    def run(self, execute_directory: Path) -> WorkRequestResults:
        return self.perform()

    @override
    def _execute(self) -> WorkRequestResults:
        # there is nothing to fetch, no sandbox and nothing to upload
        return self.perform()

    @override
    def _upload_debug_logs(self) -> None:
        directory = self._logs().directory
        if directory.exists():
            local = DebugLogs.from_directory(directory)
            if local.files:
                add_local_artifact(
                    self.actor, local, relates_to=self._source_artifacts_ids, now=self.clock.now()
                )
