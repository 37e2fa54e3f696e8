# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task reports beside its result and artifacts, and how two reports become one."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from debusine.domain.text import RepairedText

Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class Report(BaseModel):
    """Base of the parts of a report: unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class OutputError(Report):
    """Why a task ended in an error."""

    message: RepairedText
    code: str


class RuntimeStatistics(Report):
    """
    What a run took, and what the worker had.

    :param duration: whole run, in seconds
    :param duration_setup: fetching input and preparing, in seconds
    :param duration_run: the work itself, in seconds
    :param duration_teardown: uploading and cleaning up, in seconds
    :param cpu_time: of all processes, in seconds
    :param disk_space: at its highest, in bytes
    :param memory: at its highest, in bytes
    :param network_received: in bytes
    :param network_sent: in bytes
    :param available_disk_space: what the worker had, in bytes
    :param available_memory: what the worker had, in bytes
    :param cpu_count: what the worker had
    :source: getrusage(2), statvfs(3), proc(5)
    """

    duration: int | None = None
    duration_setup: int | None = None
    duration_run: int | None = None
    duration_teardown: int | None = None
    cpu_time: int | None = None
    disk_space: int | None = None
    memory: int | None = None
    network_received: int | None = None
    network_sent: int | None = None
    available_disk_space: int | None = None
    available_memory: int | None = None
    cpu_count: int | None = None


class RegressionStatus(StrEnum):
    """How a check of a new version compares with that of the original one."""

    NO_RESULT = "no-result"
    ERROR = "error"
    IMPROVEMENT = "improvement"
    STABLE = "stable"
    REGRESSION = "regression"


class RegressionAnalysis(Report):
    """
    One check, before and after.

    :param original_url: no longer set; old reports have it
    :param new_url: no longer set; old reports have it
    """

    original_source_version: str | None = None
    original_artifact_id: int | None = None
    original_url: str | None = None
    new_source_version: str | None = None
    new_artifact_id: int | None = None
    new_url: str | None = None
    status: RegressionStatus
    details: dict[str, str] | None = None


class Confirmation(Report):
    """What a person answered."""

    confirmed: bool
    comment: str | None = None


class OutputData(Report):
    """
    A report.

    :param regression_analysis: by name of the check
    :param apt_indexes: SHA-256 of each index of a repository that APT read, by the name that
        APT gives it; an addition of ours, which only our servers get
    :param emulated: whether programs of the architecture ran through qemu-user on the worker,
        slower than elsewhere; set if so; an addition of ours, too
    :param network: whether the work itself, after its preparation, could reach the network of
        the worker; set if so; another addition of ours
    """

    runtime_statistics: RuntimeStatistics | None = None
    errors: list[OutputError] | None = None
    skip_reason: str | None = None
    regression_analysis: dict[str, RegressionAnalysis] | None = None
    confirmation: Confirmation | None = None
    apt_indexes: dict[str, Sha256] | None = None
    emulated: bool | None = None
    network: bool | None = None

    def merge(self, later: OutputData) -> OutputData:
        """
        Join two reports: a field that both set is that of the later one, also when it is null.

        >>> first = OutputData(skip_reason="changed", errors=[])
        >>> merged = first.merge(OutputData(errors=[OutputError(message="broken", code="x")]))
        >>> merged.model_dump(exclude_unset=True)
        {'errors': [{'message': 'broken', 'code': 'x'}], 'skip_reason': 'changed'}
        """
        # copying with what is set marks only that as set
        return self.model_copy(
            update={name: getattr(later, name) for name in later.model_fields_set}
        )
