# SPDX-License-Identifier: GPL-3.0-or-later
"""Run one task of the server, and make a report of how it went."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import structlog
from django.db import InterfaceError, OperationalError
from typing_extensions import override

from debusine.db.models import Attempt, WorkRequest
from debusine.domain.result import WorkRequestResults
from debusine.domain.work_request import TaskTypes
from debusine.errors import DebusineError
from debusine.server import wake
from debusine.server.attempt_log import AttemptLog
from debusine.server.full_disk import NoSpaceError
from debusine.server.task_data import configured_data, task_class
from debusine.server.tasks.base import AnyServerTask, BaseServerTask
from debusine.server.views.attempt import open_log
from debusine.tasks import TaskConfigError
from debusine.tasks.causes import MAX_MESSAGE_CHARS
from debusine.tasks.logs import LogSender
from debusine.wire.work_request import OutputData, OutputError, WorkRequestCompleted
from debusine.wire.worker import LogStream

WRONG_TASK_TYPE = "wrong-task-type"
SETUP_FAILED = "setup-failed"
CONFIGURE_FAILED = "configure-failed"
EXECUTE_FAILED = "execute-failed"

log = structlog.get_logger(__name__)


class DatabaseLostError(Exception):
    """The database went away, or was too busy: nothing is known about the task itself."""


class _AttemptSender(LogSender):
    """Writes the output of a task to the log of its attempt, for readers to follow."""

    def __init__(self, attempt: Attempt, now: Callable[[], datetime]) -> None:
        self._log: AttemptLog = open_log(attempt)
        self._group = wake.log_group(attempt.work_request_id)
        self._now = now

    @override
    def send(self, data: bytes, stream: str) -> None:
        kind: LogStream = "stdout" if stream == "stdout" else "internal"
        if stream == "stderr":
            kind = "stderr"
        self._log.append(data, offset=None, stream=kind, timestamp=self._now())
        wake.wake(self._group, {"type": "log.data"})

    @override
    def send_end(self, exit_code: int) -> None:
        try:
            self._log.end(exit_code, timestamp=self._now())
        except NoSpaceError as error:
            log.warning("log-end-lost", problem=error.explain())


def make_server_task(
    request: WorkRequest, attempt: Attempt, *, now: Callable[[], datetime]
) -> AnyServerTask | WorkRequestCompleted:
    """
    Make the task of a request that runs from now on.

    :param request: with workspace, scope and creator loaded
    :returns: the task; if there can be none, the report that says why
    """
    try:
        kind = task_class(TaskTypes(request.task_type), request.task_name)
        if not issubclass(kind, BaseServerTask):
            return _error(WRONG_TASK_TYPE, f"{request.task_name} does not run on the server")
        task = kind(configured_data(request), request.dynamic_task_data)
    except TaskConfigError as error:
        return _error(CONFIGURE_FAILED, f"Failed to configure: {error}")
    except (DebusineError, ValueError) as error:
        return _error(SETUP_FAILED, f"Failed to set up: {error}")
    task.work_request_id = request.pk
    task.workspace_name = request.workspace.name
    task.work_request = request
    task.attempt = attempt
    task.log_sender = _AttemptSender(attempt, now)
    return task


def run_task(task: AnyServerTask) -> WorkRequestCompleted:
    """
    Run a task to its end.

    :raises DatabaseLostError: if the database did not let it
    """
    try:
        result = task.execute_logging_exceptions()
    except (OperationalError, InterfaceError) as error:
        raise DatabaseLostError(str(error)) from error
    except Exception as error:  # whatever a task raises is its result
        log.exception("server-task-failed", task=task.name, work_request=task.work_request_id)
        text = error.explain() if isinstance(error, DebusineError) else str(error)
        return _error(EXECUTE_FAILED, f"Execution failed: {text}")
    output = OutputData(errors=task.reported_errors) if task.reported_errors else None
    return WorkRequestCompleted(result=result, output_data=output)


def _error(code: str, message: str) -> WorkRequestCompleted:
    error = OutputError(message=message[:MAX_MESSAGE_CHARS], code=code)
    return WorkRequestCompleted(
        result=WorkRequestResults.ERROR, output_data=OutputData(errors=[error])
    )
