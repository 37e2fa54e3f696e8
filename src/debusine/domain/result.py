# SPDX-License-Identifier: GPL-3.0-or-later
"""The results of a work request on the wire, and who is to blame."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class WorkRequestResults(StrEnum):
    """
    How a work request ended.

    The values are those of the wire, see the space in ``temporary failure``.
    """

    NONE = ""
    SUCCESS = "success"
    FAILURE = "failure"
    TEMPORARY_FAILURE = "temporary failure"
    ERROR = "error"
    SKIPPED = "skipped"

    @property
    def label(self) -> str:
        """
        The value for people.

        >>> WorkRequestResults.TEMPORARY_FAILURE.label
        'Temporary failure'
        """
        return self.value.capitalize()


class Blame(StrEnum):
    """Whose fault an unsuccessful attempt is; retries and alerts go by this."""

    SUBJECT = "subject"  # the package itself: never retried
    ENVIRONMENT = "environment"  # this worker, network, disk: retried elsewhere
    PLATFORM = "platform"  # our own fault: someone should look

    @property
    def label(self) -> str:
        """Whose fault it is, for people."""
        match self:
            case Blame.SUBJECT:
                return "the task's input"
            case Blame.ENVIRONMENT:
                return "the worker or its network"
            case Blame.PLATFORM:
                return "Debusine itself"


class Cause(StrEnum):
    """
    Why an attempt was not successful, as far as its worker can tell.

    Workers send it as the code of an error in their report; servers that do not know
    it show it as it is.
    """

    BUILD_FAILED = "build-failed"
    TESTS_FAILED = "tests-failed"
    NOT_REPRODUCIBLE = "not-reproducible"
    DEPENDENCIES_UNMET = "dependencies-unmet"
    ARCHIVE_UNTRUSTED = "archive-untrusted"
    SOURCE_UNUSABLE = "source-unusable"
    NOT_FOR_ARCHITECTURE = "not-for-architecture"
    NETWORK_FAILED = "network-failed"
    OUT_OF_DISK_SPACE = "out-of-disk-space"
    OUT_OF_MEMORY = "out-of-memory"
    WORKER_FAILED = "worker-failed"
    OUTPUT_INCONSISTENT = "output-inconsistent"
    OUTPUT_MISSING = "output-missing"
    CLEANUP_FAILED = "cleanup-failed"

    @property
    def blame(self) -> Blame:
        """Whose fault it is."""
        match self:
            case (
                Cause.BUILD_FAILED
                | Cause.TESTS_FAILED
                | Cause.NOT_REPRODUCIBLE
                | Cause.DEPENDENCIES_UNMET
                | Cause.ARCHIVE_UNTRUSTED
                | Cause.SOURCE_UNUSABLE
                | Cause.NOT_FOR_ARCHITECTURE
                | Cause.OUTPUT_INCONSISTENT
            ):
                return Blame.SUBJECT
            case (
                Cause.NETWORK_FAILED
                | Cause.OUT_OF_DISK_SPACE
                | Cause.OUT_OF_MEMORY
                | Cause.WORKER_FAILED
            ):
                return Blame.ENVIRONMENT
            case Cause.OUTPUT_MISSING | Cause.CLEANUP_FAILED:
                return Blame.PLATFORM


_BY_RESULT = {
    WorkRequestResults.FAILURE: Blame.SUBJECT,
    WorkRequestResults.TEMPORARY_FAILURE: Blame.ENVIRONMENT,
    WorkRequestResults.ERROR: Blame.PLATFORM,
}


def blame_for(result: WorkRequestResults, codes: Iterable[str] = ()) -> Blame | None:
    """
    Say whose fault a result is: by the first cause that is known, else by the result.

    :param codes: of the errors in the worker's report
    :returns: None for results that are nobody's fault

    >>> blame_for(WorkRequestResults.FAILURE, ["other", "network-failed"])
    <Blame.ENVIRONMENT: 'environment'>
    >>> blame_for(WorkRequestResults.FAILURE)
    <Blame.SUBJECT: 'subject'>
    """
    blame = _BY_RESULT.get(result)
    if blame is None:
        return None
    known = (Cause(code) for code in codes if code in set(Cause))
    return next((cause.blame for cause in known), blame)
