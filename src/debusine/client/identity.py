# SPDX-License-Identifier: GPL-3.0-or-later
"""Who asks and how long it waits; apart, as the agent needs no more of the client."""

from __future__ import annotations

from debusine import __version__
from debusine.errors import UserError

Timeout = tuple[float, float]
"""Seconds to wait for a connection, and for the next bytes."""

DEFAULT_TIMEOUT: Timeout = (5, 30)
USER_AGENT = f"debusine/{__version__}"


def parse_timeout(text: str) -> Timeout:
    """
    Read a time limit: one number for both, or ``connect,read``, in seconds.

    :raises UserError: if it is neither

    >>> parse_timeout("30"), parse_timeout("5, 60")
    ((30.0, 30.0), (5.0, 60.0))
    """
    parts = text.split(",")
    try:
        numbers = [float(part) for part in parts]
    except ValueError:
        numbers = []
    if len(numbers) not in (1, 2) or min(numbers) <= 0:
        raise UserError(f"no time limit in seconds, or two of them: {text!r}")
    return numbers[0], numbers[-1]
