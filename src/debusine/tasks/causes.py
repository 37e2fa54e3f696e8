# SPDX-License-Identifier: GPL-3.0-or-later
"""What an exception in a stage of a task says about why the task failed."""

from __future__ import annotations

import errno
import subprocess
from collections.abc import Iterator

from debusine.domain.result import Cause
from debusine.errors import DebusineError, NotPossibleError, UpstreamError
from debusine.tasks.executors.instance import InstanceError
from debusine.wire.work_request import OutputError

STAGE_FAILED = "stage-failed"
MAX_MESSAGE_CHARS = 2000
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


def stage_error(message: str, error: BaseException, *, is_setup: bool) -> OutputError:
    """
    Report an exception; its code is a cause if the exception tells.

    :param message: what a person is told about it
    :param is_setup: whether it came up before the task's own work began
    """
    cause = next((found for one in _chain(error) if (found := _cause(one))), None)
    if cause is None and is_setup and isinstance(error, subprocess.CalledProcessError):
        # commands that prepare the sandbox do not touch what the task works on
        cause = Cause.WORKER_FAILED
    return OutputError(
        message=message[:MAX_MESSAGE_CHARS], code=STAGE_FAILED if cause is None else cause.value
    )


def _cause(error: BaseException) -> Cause | None:
    match error:
        case OSError() if error.errno in _FULL:
            return Cause.OUT_OF_DISK_SPACE
        case MemoryError():
            return Cause.OUT_OF_MEMORY
        case UpstreamError():
            return Cause.NETWORK_FAILED
        case NotPossibleError() | InstanceError():
            return Cause.WORKER_FAILED
        case _:
            return None


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield what led to an exception, the first cause first."""
    if error.__cause__ is not None:
        yield from _chain(error.__cause__)
    yield error


def describe(error: BaseException) -> str:
    """
    Say in one line what an exception says.

    >>> describe(ValueError("no such thing")), describe(KeyError("x"))
    ('ValueError: no such thing', "KeyError: 'x'")
    """
    if isinstance(error, DebusineError):
        return error.brief
    return f"{type(error).__name__}: {error}"
