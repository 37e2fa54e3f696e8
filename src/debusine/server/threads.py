# SPDX-License-Identifier: GPL-3.0-or-later
"""
The threads in which a server talks to its database.

Rows are read and written by blocking code. A small fixed set of threads keeps as
many connections open, where a thread per request would open one each.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

from django.db import OperationalError, close_old_connections, connections

from debusine.server.full_disk import error_of_database

P = ParamSpec("P")
R = TypeVar("R")

# SQLite has one writer, and more threads than cores only wait for each other
THREADS = 6
_PATIENCE_S = 10

_pool = ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="database")


def _with_live_connection(function: Callable[[], R]) -> R:
    """Drop connections that broke since the last use, then call."""
    close_old_connections()
    try:
        return function()
    except OperationalError as error:
        answer = error_of_database(error)
        if answer is None:
            raise
        raise answer from error
    finally:
        close_old_connections()


async def in_thread(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """
    Call blocking code that uses the database, without blocking the event loop.

    :param function: called in one of the database threads; it must not take long
    :returns: what the function returns; what it raises is raised
    :raises NoSpaceError: if the database has no room left
    """
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(
        _pool, _with_live_connection, partial(function, *args, **kwargs)
    )


def close_connections() -> None:
    """Close what the threads have open; they open it again when they need it."""
    together = threading.Barrier(THREADS)

    def close() -> None:
        # only when each thread has one of these can none get two
        together.wait(_PATIENCE_S)
        connections.close_all()

    for closing in [_pool.submit(close) for _ in range(THREADS)]:
        closing.exception()
