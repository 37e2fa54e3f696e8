# SPDX-License-Identifier: GPL-3.0-or-later
"""Say what this machine can do, until the server knows: it gives no work before."""

from __future__ import annotations

import asyncio

import structlog

from debusine.errors import UpstreamError
from debusine.util.retry import Backoff
from debusine.worker.nursery_client import NurseryClient
from debusine.worker.server_api import ServerApi
from debusine.worker.user import Account

log = structlog.get_logger(__name__)


async def announce(
    api: ServerApi, key: str, *, nursery: NurseryClient, account: Account, backoff: Backoff
) -> None:
    """
    Look at this machine and tell the server, again and again until it listens.

    :param key: of this worker
    :param account: who runs the tasks
    """
    for pause in backoff.pauses():
        try:
            await api.put_metadata(key, await nursery.metadata(account))
        except UpstreamError as error:
            log.warning("metadata-not-sent", problem=error.explain(), again_in_s=round(pause))
            await asyncio.sleep(pause)
        else:
            return
