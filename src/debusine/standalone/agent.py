# SPDX-License-Identifier: GPL-3.0-or-later
"""The local agent: a child program that is started again when it ends."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Sequence

import structlog

from debusine.client.local_server import DataDir
from debusine.util.retry import Backoff

RESTART = Backoff(first_s=1, max_s=30, spread=0)
# an agent that ran this long has not failed to start
HEALTHY_S = 60.0
# it stops its tasks first, which may take it some seconds
STOP_S = 10.0
_MORTAL = ("setpriv", "--pdeathsig", "TERM", sys.executable, "-m")

log = structlog.get_logger(__name__)


def agent_command(data_dir: DataDir, *, slots: int | None = None) -> list[str]:
    """
    Compose the command that runs the agent.

    The kernel tells it to end should this process die without doing so.

    :param slots: how many tasks it runs at once; None: what its configuration says
    """
    return [
        # files of the agent are for others too, namely for the user of the tasks
        "sh", "-c", 'umask 022 && exec "$@"', "sh",
        *_MORTAL, "debusine.worker.main",
        "--config-directory", str(data_dir.worker),
        "--log-stderr",
        *([] if slots is None else ["--slots", str(slots)]),
    ]  # fmt: skip


def signing_command(data_dir: DataDir) -> list[str]:
    """Compose the command that runs the signing worker, which ends like the agent."""
    return [
        *_MORTAL, "debusine.signing.main",
        "--config-directory", str(data_dir.signing),
        "run", "--log-stderr",
    ]  # fmt: skip


async def keep_running(
    command: Sequence[str],
    *,
    data_dir: DataDir,
    backoff: Backoff = RESTART,
) -> None:
    """
    Run a program for ever; when cancelled, end it and wait until it has gone.

    :param command: what to run; its output goes to the server's log
    :param backoff: pauses before it is started again
    """
    pauses = backoff.pauses()
    while True:
        began = time.monotonic()
        status = await _run_once(command, data_dir)
        if time.monotonic() - began > HEALTHY_S:
            pauses = backoff.pauses()
        pause_s = next(pauses)
        log.warning("agent-ended", status=status, again_in_s=pause_s)
        await asyncio.sleep(pause_s)


async def _run_once(command: Sequence[str], data_dir: DataDir) -> int:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("DJANGO_")}
    with data_dir.log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=environment,
            # Ctrl-C is for us; we tell the agent ourselves
            start_new_session=True,
        )
    try:
        return await process.wait()
    except asyncio.CancelledError:
        await _end(process)
        raise


async def _end(process: asyncio.subprocess.Process) -> None:
    """Ask a program to end; insist after a while."""
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
        try:
            async with asyncio.timeout(STOP_S):
                await process.wait()
        except TimeoutError:
            log.warning("agent-killed", pid=process.pid)
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
