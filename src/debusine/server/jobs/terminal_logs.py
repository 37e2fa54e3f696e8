# SPDX-License-Identifier: GPL-3.0-or-later
"""Remove what terminals have shown, as old as logs of attempts that are removed."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice

from django.conf import settings

from debusine.server.terminal_log import terminal_log_directory

BATCH = 500


def remove_terminal_logs(now: datetime) -> int:
    """
    Remove a part of the files that nothing was added to for long; terminals are short.

    :returns: how many there were; 0 if none is left
    """
    directory = terminal_log_directory()
    if not directory.is_dir():
        return 0
    before = now - settings.DEBUSINE.log_max_age
    old = (
        path
        for path in directory.iterdir()
        if datetime.fromtimestamp(path.stat().st_mtime, tz=UTC) < before
    )
    paths = list(islice(old, BATCH))
    for path in paths:
        path.unlink(missing_ok=True)
    return len(paths)
