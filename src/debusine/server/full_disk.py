# SPDX-License-Identifier: GPL-3.0-or-later
"""What a full disk looks like, and what is said about it."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator

import structlog
from django.db import OperationalError

from debusine.errors import DebusineError

_NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT})
# SQLite, and PostgreSQL by way of its server's system
_SAID_BY_DATABASES = ("database or disk is full", "No space left on device")

log = structlog.get_logger(__name__)


class NoSpaceError(DebusineError):
    """The disk of the server is full; what was received so far is kept."""

    code = "no-space"
    status = 507


@contextlib.contextmanager
def no_space_is_an_answer() -> Iterator[None]:
    """
    Say what to do when the disk is full.

    :raises NoSpaceError: in place of the system's error
    """
    try:
        yield
    except OSError as exc:
        if exc.errno not in _NO_SPACE:
            raise
        raise _no_space("What was received so far is kept: the upload can be resumed.") from exc


def error_of_database(error: OperationalError) -> NoSpaceError | None:
    """Make the error to answer with if a database failed for want of room; else None."""
    if not any(words in str(error) for words in _SAID_BY_DATABASES):
        return None
    return _no_space("Nothing was changed in its database.")


def _no_space(details: str) -> NoSpaceError:
    return NoSpaceError(
        "the server has no space left",
        details=details,
        resolution="Make room on the disk that holds the server's data directory.",
    )


def log_failure(event: str, error: Exception, **facts: object) -> None:
    """
    Log what failed in the background and will be tried again.

    A traceback helps with a bug; a full disk is no bug, and needs no further lines.

    :param event: what failed
    :param facts: about what
    """
    if isinstance(error, OperationalError) and error_of_database(error) is not None:
        log.warning(event, problem=str(error), **facts)
    else:
        log.error(event, exc_info=error, **facts)
