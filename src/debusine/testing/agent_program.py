# SPDX-License-Identifier: GPL-3.0-or-later
"""The agent as a program of its own, less patient than usual, with tasks for tests."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from debusine.util.log import configure_logging
from debusine.util.retry import Backoff
from debusine.worker.agent import Agent, Tuning
from debusine.worker.config import read_key, read_worker_config
from debusine.worker.directories import clean_leftovers, make_working_directory
from debusine.worker.log_stream import LogLimits
from debusine.worker.nursery_client import NurseryClient
from debusine.worker.offer import make_offer
from debusine.worker.user import account_for

TUNING = Tuning(
    reconnect_min_s=0.05,
    reconnect_max_s=0.1,
    locked_s=0.05,
    get_next=Backoff(first_s=0.1, max_s=0.2),
    deliver=Backoff(first_s=0.1, max_s=0.2),
    metadata=Backoff(first_s=0.1, max_s=0.2),
    log_wait_s=30,
    heartbeat_s=0.2,
    # a machine so busy that an answer takes longer makes the agent take the server for an old one
    answer_s=2,
    logs=LogLimits(cap_bytes=4 * 1024 * 1024, window_bytes=1024 * 1024, flush_s=0.05),
    hooks=Path("/nonexistent"),
)


def main() -> int:
    """Serve until told to stop; the only argument is the configuration directory."""
    configure_logging("DEBUG", stream=sys.stderr)
    config = read_worker_config(Path(sys.argv[1]))
    assert config.working_directory is not None
    make_working_directory(config.working_directory)
    clean_leftovers(config.working_directory)
    nursery = NurseryClient(modules=["debusine.testing.tasks"])
    nursery.start()

    async def serve() -> int:
        return await Agent(
            config=config,
            key=read_key(config.directory / "token") or "",
            account=account_for(config.user),
            working=config.working_directory or Path(),
            nursery=nursery,
            tuning=TUNING,
            offer=make_offer(config, config.working_directory or Path()),
        ).run()

    try:
        return asyncio.run(serve())
    finally:
        nursery.stop()


if __name__ == "__main__":
    sys.exit(main())
