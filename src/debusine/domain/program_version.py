# SPDX-License-Identifier: GPL-3.0-or-later
"""Which versions of server and agent work together: those that are one apart."""

from __future__ import annotations

import re

_MINOR = re.compile(r"(\d{1,9})\.(\d{1,9})(?!\d)")
MAX_APART = 1


def work_together(worker: str, server: str) -> bool:
    """
    Whether an agent and a server may be one minor version apart at most, and are.

    What is no version of ours is not judged: workers of 0.16 say none in their greeting.

    >>> work_together("1.4.2", "1.5.0"), work_together("1.4.2", "1.6.0")
    (True, False)
    >>> work_together("2.0.0", "1.9.0"), work_together("", "1.9.0")
    (False, True)
    """
    ours, theirs = _minor(server), _minor(worker)
    if ours is None or theirs is None:
        return True
    return ours[0] == theirs[0] and abs(ours[1] - theirs[1]) <= MAX_APART


def explain_apart(worker: str, server: str) -> str | None:
    """
    Say why an agent and a server cannot work together.

    :returns: None if they can

    >>> explain_apart("0.1.0", "0.4.0")  # doctest: +ELLIPSIS
    'the worker is version 0.1.0 and the server 0.4.0: ... Upgrade the worker.'
    """
    if work_together(worker, server):
        return None
    older = "worker" if (_minor(worker) or ()) < (_minor(server) or ()) else "server"
    return (
        f"the worker is version {worker} and the server {server}:"
        f" they may be one minor version apart. Upgrade the {older}."
    )


def _minor(version: str) -> tuple[int, int] | None:
    found = _MINOR.match(version)
    return None if found is None else (int(found[1]), int(found[2]))
