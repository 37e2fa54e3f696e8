# SPDX-License-Identifier: GPL-3.0-or-later
"""What terminals in kept environments have shown: a log each, that is only added to."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings

from debusine.server.attempt_log import AttemptLog


def terminal_log_directory() -> Path:
    """Where they lie."""
    directory: Path = settings.DEBUSINE.log_dir
    return directory / "terminals"


def open_terminal_log(terminal_id: int) -> AttemptLog:
    """The log of a terminal, whether it has shown anything or not."""
    return AttemptLog(terminal_log_directory(), terminal_id)
