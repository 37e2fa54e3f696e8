# SPDX-License-Identifier: GPL-3.0-or-later
"""What a finished work request means for the one who asked."""

from __future__ import annotations

from enum import StrEnum

from debusine.domain.result import WorkRequestResults
from debusine.domain.work_request import WorkRequestStatus
from debusine.util.terminal import tame
from debusine.wire.work_request import WorkRequest, WorkRequestOutcome

STATUS_BUILT = 0
STATUS_FAILED = 1
STATUS_NOT_TRIED = 2


class Verdict(StrEnum):
    """How something ended, in one word."""

    SUCCESS = "success"
    FAILURE = "failure"
    ERROR = "error"
    SKIPPED = "skipped"
    ABORTED = "aborted"

    @property
    def style(self) -> str:
        """How to colour the word."""
        match self:
            case Verdict.SUCCESS:
                return "bold green"
            case Verdict.FAILURE | Verdict.ERROR:
                return "bold red"
            case Verdict.SKIPPED | Verdict.ABORTED:
                return "bold yellow"

    @property
    def exit_status(self) -> int:
        """0 if it was built, 1 if that failed, 2 if it could not be tried."""
        match self:
            case Verdict.SUCCESS:
                return STATUS_BUILT
            case Verdict.FAILURE:
                return STATUS_FAILED
            case Verdict.ERROR | Verdict.SKIPPED | Verdict.ABORTED:
                return STATUS_NOT_TRIED


def verdict_of(request: WorkRequest) -> Verdict:
    """Judge a request that is final."""
    if request.status is WorkRequestStatus.ABORTED:
        return Verdict.ABORTED
    match request.result:
        case WorkRequestResults.SUCCESS:
            return Verdict.SUCCESS
        case WorkRequestResults.FAILURE:
            return Verdict.FAILURE
        case WorkRequestResults.SKIPPED:
            return Verdict.SKIPPED
        case WorkRequestResults.ERROR | WorkRequestResults.TEMPORARY_FAILURE:
            return Verdict.ERROR
        case WorkRequestResults.NONE:
            return Verdict.ERROR


def first_message(outcome: WorkRequestOutcome) -> str | None:
    """Say in one line that cannot steer a terminal why something was not successful."""
    return next(iter(messages(outcome)), None)


def messages(outcome: WorkRequestOutcome) -> list[str]:
    """What was wrong, each in one line that cannot steer a terminal."""
    lines = (" ".join(tame(error.message).split()) for error in outcome.errors)
    return [line for line in lines if line]


def duration_text(seconds: float | None) -> str:
    """
    A duration for people.

    >>> duration_text(3725.4), duration_text(62), duration_text(3.21), duration_text(None)
    ('1 h 02 min', '1 min 02 s', '3.2 s', '')
    """
    if seconds is None:
        return ""
    if seconds < 60:  # noqa: PLR2004  a minute
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"
