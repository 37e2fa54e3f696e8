# SPDX-License-Identifier: GPL-3.0-or-later
"""Work requests on the wire."""

from __future__ import annotations

from pydantic import Field

from debusine.domain.output_data import OutputData, OutputError, RuntimeStatistics, Sha256
from debusine.domain.result import Blame, WorkRequestResults
from debusine.domain.why import WaitingCode
from debusine.domain.work_request import TaskTypes, WorkRequestStatus
from debusine.wire.base import JsonObject, Links, StrictWireModel, Timestamp, WireModel
from debusine.wire.hold import HoldWish
from debusine.wire.worker import Reservation

__all__ = [
    "AssignedWorkRequest",
    "Origin",
    "OutputData",
    "OutputError",
    "ReusedWorkRequest",
    "RuntimeStatistics",
    "Waiting",
    "WaitingCause",
    "WorkRequest",
    "WorkRequestCompleted",
    "WorkRequestCreate",
    "WorkRequestOutcome",
    "WorkRequestUpdate",
]


class WorkRequest(WireModel):
    """A work request as every endpoint shows it."""

    links: Links = Field(default_factory=dict)
    id: int
    url: str
    parent: int | None = None
    workflow_root: int | None = None
    created_at: Timestamp
    created_by: int | None = None
    completed_by: int | None = None
    aborted_by: int | None = None
    started_at: Timestamp | None = None
    completed_at: Timestamp | None = None
    duration: float | None = None
    status: WorkRequestStatus
    result: WorkRequestResults
    worker: int | None = None
    task_type: TaskTypes
    task_name: str
    task_data: JsonObject
    dynamic_task_data: JsonObject | None = None
    priority_base: int
    priority_adjustment: int
    workflow_data: JsonObject = Field(default_factory=dict)
    event_reactions: JsonObject = Field(default_factory=dict)
    artifacts: list[int]
    scope: str = ""
    workspace: str
    scheduler_tags_provided: list[str] = Field(default_factory=list)
    scheduler_tags_required: list[str] = Field(default_factory=list)


class Origin(WireModel):
    """
    Whose result a work request has: an addition of ours to the API.

    Only ``work_request`` is told to those who may not see it.
    """

    work_request: int
    url: str | None = None
    created_by: str | None = None
    workspace: str | None = None

    @property
    def label(self) -> str:
        """The same for people, such as ``work request 17 of bob``."""
        return f"work request {self.work_request}" + (
            f" of {self.created_by}" if self.created_by else ""
        )


class ReusedWorkRequest(WorkRequest):
    """
    A work request that has the result of another: an addition of ours to the API.

    Nobody gets it without asking for it: its request said ``reuse``. ``artifacts`` are
    those of the other one.
    """

    reused_from: Origin | None = None


class AssignedWorkRequest(WorkRequest):
    """
    A work request handed to a worker, with the token its task works with.

    ``reservation`` and ``hold`` are there only for workers that understand them.
    """

    token: str
    reservation: Reservation | None = None
    hold: HoldWish | None = None


class WorkRequestCreate(StrictWireModel):
    """
    What a client asks for.

    ``reuse`` is an addition of ours: the result of an earlier request that did the same
    will do. Servers of others refuse the key, so it is sent only if it is set.
    ``apt_indexes`` goes with it: SHA-256 of the index of every archive that the task reads, by
    the name that APT gives it, as the caller sees them now. Without it, no task that uses APT
    gets the result of another.
    """

    task_name: str = Field(max_length=100)
    task_data: JsonObject = Field(default_factory=dict)
    workspace: str | None = None
    event_reactions: JsonObject = Field(default_factory=dict)
    reuse: bool = False
    apt_indexes: dict[str, Sha256] | None = Field(default=None, max_length=100)


class WaitingCause(WireModel):
    """One thing that a work request waits for; ``text`` is for people."""

    code: WaitingCode
    text: str


class Waiting(WireModel):
    """
    Why a work request waits: an addition of ours to the API.

    ``reason`` is null if some worker that is connected could run it, or if it does
    not wait. ``causes`` say all that is known, what weighs most first, of one that runs
    or has ended, too. ``warning`` is set if no worker ever offered what it asks for.
    ``ahead`` counts those before it that workers that fit could run, up to a limit.
    """

    status: WorkRequestStatus | None = None
    reason: str | None = None
    causes: list[WaitingCause] = Field(default_factory=list)
    warning: str | None = None
    ahead: int | None = None


class WorkRequestUpdate(StrictWireModel):
    """What a client may change."""

    # what every database can hold in a column of integers
    priority_adjustment: int = Field(ge=-(2**31), lt=2**31)


class WorkRequestCompleted(StrictWireModel):
    """A worker's report."""

    result: WorkRequestResults
    output_data: OutputData | None = None


class WorkRequestOutcome(WireModel):
    """
    Why a work request was not successful: an addition of ours to the API.

    ``blame`` is null if it was successful or has not ended. The first of ``errors``
    says best what happened; their codes may be those of
    :class:`~debusine.domain.result.Cause`.
    """

    blame: Blame | None = None
    errors: list[OutputError] = Field(default_factory=list)
