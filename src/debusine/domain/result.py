# SPDX-License-Identifier: GPL-3.0-or-later
"""The results of a work request on the wire, and who is to blame."""

from __future__ import annotations

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
