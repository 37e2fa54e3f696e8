# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of scopes, workspaces, groups and users."""

from __future__ import annotations

import re

MAX_LENGTH = 255
RESERVED_WORKSPACES = frozenset(
    ["accounts", "artifact", "task-status", "user", "workers", "work-request", "workspaces"]
)
RESERVED_SCOPES = (RESERVED_WORKSPACES - {"workspaces"}) | {
    "admin",
    "api",
    "api-auth",
    "workspace",
}
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9+._-]*")
# as Django has it
_USER = re.compile(r"[A-Za-z0-9@.+_-]{1,150}")


def name_problem(name: str, *, reserved: frozenset[str] = frozenset()) -> str | None:
    """
    Say what is wrong with the name of a scope, a workspace or a group; None if nothing is.

    >>> name_problem("debian-security")
    >>> name_problem("api", reserved=RESERVED_SCOPES)
    'is reserved'
    """
    if not _NAME.fullmatch(name):
        return "must be ASCII letters, digits and +._-, and begin with a letter"
    if len(name) > MAX_LENGTH:
        return f"is longer than {MAX_LENGTH} characters"
    return "is reserved" if name in reserved else None


def user_name_problem(name: str) -> str | None:
    """
    Say what is wrong with the name of a user; None if nothing is.

    A name of digits would be taken for an id.

    >>> user_name_problem("42")
    'must not be all digits'
    """
    if not _USER.fullmatch(name):
        return "must be 1 to 150 ASCII letters, digits and @.+_-"
    return "must not be all digits" if name.isdigit() else None
