# SPDX-License-Identifier: GPL-3.0-or-later
"""The signing worker from its start to its end: an agent of another trade."""

from __future__ import annotations

import asyncio
from pathlib import Path

from debusine.signing.account import check_keys, keeper, make_data_directory
from debusine.signing.config import SigningConfig
from debusine.signing.nursery import PROGRAM, environment
from debusine.signing.trade import signing_trade
from debusine.worker.agent import Agent, Tuning
from debusine.worker.config import read_key
from debusine.worker.directories import clean_leftovers, make_working_directory
from debusine.worker.main import register, share
from debusine.worker.nursery_client import NurseryClient
from debusine.worker.user import Account

TUNING = Tuning(hooks=Path("/etc/debusine/signing/hooks/after-work-request.d"))


def serve(config: SigningConfig, *, log_level: str, once: bool = False) -> int:
    """
    Register if need be, then run the agent.

    :returns: exit status
    :raises DebusineError: if it cannot start
    """
    account = keeper(config.worker.user)
    make_data_directory(config.keys.data_directory, account)
    # what is wrong with keys shows now, not with the first task
    check_keys(config.keys, account)
    working = config.working_directory
    make_working_directory(working)
    clean_leftovers(working)
    with share(working):
        # forks before there are threads
        nursery = NurseryClient(
            log_level=log_level, program=PROGRAM, environment=environment(config.keys)
        )
        nursery.start()
        try:
            return asyncio.run(_agent(config, account=account, nursery=nursery, once=once))
        finally:
            nursery.stop()


async def _agent(
    config: SigningConfig, *, account: Account, nursery: NurseryClient, once: bool
) -> int:
    key = read_key(config.worker.directory / "token")
    return await Agent(
        config=config.worker,
        key=key or await register(config.worker, signing_trade(config.keys)),
        account=account,
        working=config.working_directory,
        nursery=nursery,
        once=once,
        tuning=TUNING,
    ).run()
