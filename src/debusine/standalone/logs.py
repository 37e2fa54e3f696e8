# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the server's log goes: one line per event, into the data directory."""

from __future__ import annotations

import logging
from pathlib import Path

from debusine.util.log import configure_logging

MAX_LOG_BYTES = 10 * 1024 * 1024


def open_log(path: Path) -> None:
    """
    Send events of this program and of its libraries to a file, until the process ends.

    :param path: appended to; put aside first if it has grown large, one old log is kept
    """
    if path.exists() and path.stat().st_size > MAX_LOG_BYTES:
        path.replace(path.with_name(path.name + ".1"))
    configure_logging("INFO", stream=path.open("a", encoding="utf-8"))
    # says every connection at INFO
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
