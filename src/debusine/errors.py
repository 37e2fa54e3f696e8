# SPDX-License-Identifier: GPL-3.0-or-later
"""
Every error the program raises on purpose.

::

    DebusineError
    ├── UserError               the caller can mend it: bad input, wrong option
    │   └── NotPossibleError    the machine lacks something it needs to try
    ├── ConflictError           the thing is not in a state that allows this
    ├── NotFoundError           no such thing, or not for this caller
    ├── PermissionDeniedError   the caller may not do this
    ├── UpstreamError           another service did not do its part
    └── BugError                the program is wrong; report it

Call sites pass values. The API, the command line and the pages each render an
error in one place.
"""

from __future__ import annotations

from typing import ClassVar


class DebusineError(Exception):
    """
    Base of every error raised on purpose.

    :param brief: one line for people: what went wrong, naming the field or file
    :param details: what is known beyond that, may be several lines
    :param resolution: what to do next
    :param validation_errors: messages by field path (``input.source_artifact``),
        ``non_field_errors`` for those that belong to no field
    """

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 400

    def __init__(
        self,
        brief: str,
        *,
        details: str | None = None,
        resolution: str | None = None,
        validation_errors: dict[str, list[str]] | None = None,
    ) -> None:
        super().__init__(brief)
        self.brief = brief
        self.details = details
        self.resolution = resolution
        self.validation_errors = validation_errors

    def explain(self) -> str:
        """
        Everything a person needs, one paragraph per aspect.

        >>> print(UserError("no such suite: trixy", resolution="Try trixie.").explain())
        no such suite: trixy
        Try trixie.
        """
        return "\n".join(part for part in (self.brief, self.details, self.resolution) if part)


class UserError(DebusineError):
    """The caller can mend it: bad input, wrong option."""

    code = "bad-request"
    status = 400


class NotPossibleError(UserError):
    """The machine lacks something that is needed to try: a tool, space, a namespace."""

    code = "not-possible"


class ConflictError(DebusineError):
    """The thing is not in a state that allows this."""

    code = "conflict"
    status = 400


class NotFoundError(DebusineError):
    """No such thing, or not for this caller."""

    code = "not-found"
    status = 404


class PermissionDeniedError(DebusineError):
    """The caller may not do this."""

    code = "permission-denied"
    status = 403


class UpstreamError(DebusineError):
    """Another service did not do its part: the server, a mirror, a store."""

    code = "upstream"
    status = 502


class BugError(DebusineError):
    """The program is wrong; report it."""

    code = "bug"
    status = 500
