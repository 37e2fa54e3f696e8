# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the tasks of the server that wait."""

from __future__ import annotations

from typing import Final

from debusine.server import this_process
from debusine.server.job_queue import Queue

QUEUE: Final = Queue.SERVER_TASKS


def run() -> None:
    """
    Claim tasks and run them, until none waits that this process could run.

    The message names none: which is next, the queue of requests says.
    """
    runner = this_process.runner()
    if runner is not None:
        runner.run_waiting()
