# SPDX-License-Identifier: GPL-3.0-or-later
"""What a work request is and which states it can take."""

from __future__ import annotations

from enum import StrEnum

from debusine.domain.result import WorkRequestResults


class TaskTypes(StrEnum):
    """Who runs a task."""

    WORKER = "Worker"
    SERVER = "Server"
    INTERNAL = "Internal"
    WORKFLOW = "Workflow"
    SIGNING = "Signing"
    WAIT = "Wait"


class WorkRequestStatus(StrEnum):
    """Where a work request stands."""

    BLOCKED = "blocked"
    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    ABORTED = "aborted"

    @property
    def is_final(self) -> bool:
        """True once nothing more happens to the request."""
        return self in {WorkRequestStatus.COMPLETED, WorkRequestStatus.ABORTED}


FINAL = tuple(status.value for status in WorkRequestStatus if status.is_final)
"""Values of the states after which nothing more happens."""

ALLOWED_TRANSITIONS: dict[WorkRequestStatus, frozenset[WorkRequestStatus]] = {
    WorkRequestStatus.BLOCKED: frozenset(
        {WorkRequestStatus.PENDING, WorkRequestStatus.COMPLETED, WorkRequestStatus.ABORTED}
    ),
    WorkRequestStatus.PENDING: frozenset(
        {
            WorkRequestStatus.BLOCKED,
            WorkRequestStatus.RUNNING,
            WorkRequestStatus.COMPLETED,
            WorkRequestStatus.ABORTED,
        }
    ),
    # back to pending when the attempt is lost and another one is allowed
    WorkRequestStatus.RUNNING: frozenset(
        {WorkRequestStatus.PENDING, WorkRequestStatus.COMPLETED, WorkRequestStatus.ABORTED}
    ),
    WorkRequestStatus.COMPLETED: frozenset(),
    WorkRequestStatus.ABORTED: frozenset(),
}

UNSUCCESSFUL = frozenset(
    {
        WorkRequestResults.FAILURE,
        WorkRequestResults.TEMPORARY_FAILURE,
        WorkRequestResults.ERROR,
    }
)


def can_retry(status: WorkRequestStatus, result: WorkRequestResults) -> bool:
    """
    Whether a user may ask for the request to be tried again.

    >>> can_retry(WorkRequestStatus.ABORTED, WorkRequestResults.NONE)
    True
    >>> can_retry(WorkRequestStatus.COMPLETED, WorkRequestResults.SUCCESS)
    False
    """
    if status is WorkRequestStatus.ABORTED:
        return True
    return status is WorkRequestStatus.COMPLETED and result in UNSUCCESSFUL


def can_abort(status: WorkRequestStatus) -> bool:
    """Whether there is anything left to stop."""
    return not status.is_final
