# SPDX-License-Identifier: GPL-3.0-or-later
"""
Which worker the process is, if it runs tasks of the server.

It imports nothing of ours, so that everything may ask.
"""

from __future__ import annotations

import threading
from typing import Protocol


class Runner(Protocol):
    """What runs tasks here, see :mod:`debusine.server.server_worker`."""

    def run_waiting(self) -> int:
        """Run what waits, until nothing does."""
        ...

    def run_apart(self) -> None:
        """The same, in a thread that then ends."""
        ...

    def is_row(self, worker_id: int) -> bool:
        """Whether the process is this worker."""
        ...


_runner: Runner | None = None


def runner() -> Runner | None:
    """The one of this process, if it runs tasks of the server."""
    return _runner


def set_runner(runner: Runner | None) -> None:
    """Say which one is that of this process."""
    global _runner  # noqa: PLW0603  one per process
    _runner = runner


def run_without_message(worker_id: int) -> None:
    """
    Run what waits in a thread of its own, as no message can be sent to those that are there.

    :param worker_id: does nothing unless it is that of this process
    """
    found = _runner
    if found is not None and found.is_row(worker_id):
        threading.Thread(target=found.run_apart, name="server-task", daemon=True).start()
