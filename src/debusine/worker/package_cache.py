# SPDX-License-Identifier: GPL-3.0-or-later
"""The process that keeps packages for tasks: apart from the agent, as the user of the tasks."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog
from aiohttp import web

from debusine.worker.child import isolate
from debusine.worker.config import WorkerConfig
from debusine.worker.package_proxy import PackageProxy, make_session
from debusine.worker.package_store import PackageStore
from debusine.worker.processes import die_with_parent, set_name
from debusine.worker.user import Account

PACKAGES = "packages"
_LOOPBACK = "127.0.0.1"
_PAUSE_S = 1.0

log = structlog.get_logger(__name__)


class PackageCache:
    """
    A cache on loopback that ends with this process.

    :param directory: where packages are kept; made, for the user alone
    :param account: who keeps them
    """

    def __init__(self, directory: Path, account: Account, *, size_bytes: int) -> None:
        self._directory = directory
        self._account = account
        self._size_bytes = size_bytes
        self._pid: int | None = None

    def start(self) -> str:
        """
        Start it; to be called while there is one thread.

        :returns: its URL, which takes requests at once
        """
        self._directory.mkdir(mode=0o700, exist_ok=True)
        if os.geteuid() == 0:
            os.chown(self._directory, self._account.uid, self._account.gid)
        listener = socket.create_server((_LOOPBACK, 0))
        port: int = listener.getsockname()[1]
        agent = os.getpid()
        self._pid = os.fork()
        if self._pid == 0:
            self._stay(listener, agent)
        listener.close()
        return f"http://{_LOOPBACK}:{port}"

    def stop(self) -> None:
        """End it."""
        pid, self._pid = self._pid, None
        if pid is not None:
            with contextlib.suppress(ProcessLookupError, ChildProcessError):
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)

    def _stay(self, listener: socket.socket, agent: int) -> None:
        """Serve for ever, however often a process for it ends."""
        try:
            isolate(self._account)
            set_name("package-cache")
            us = os.getpid()
            # it may have gone before we asked to end with it
            while os.getppid() == agent:
                pid = os.fork()
                if pid == 0:
                    die_with_parent()
                    if os.getppid() != us:
                        os._exit(0)
                    asyncio.run(self._serve(listener))
                    os._exit(0)
                _, status = os.waitpid(pid, 0)
                log.warning("package-cache-ended", status=status, again_in_s=_PAUSE_S)
                time.sleep(_PAUSE_S)
        finally:
            os._exit(1)

    async def _serve(self, listener: socket.socket) -> None:
        store = PackageStore(self._directory, size_bytes=self._size_bytes)
        async with make_session() as session:
            runner = web.ServerRunner(web.Server(PackageProxy(store, session).handle))
            await runner.setup()
            await web.SockSite(runner, listener).start()
            await asyncio.Event().wait()


@contextmanager
def package_cache(config: WorkerConfig, account: Account, working: Path) -> Iterator[str | None]:
    """
    Keep packages for tasks for a while.

    :param working: of the agent
    :returns: URL of the cache; None if there is to be none
    """
    if not config.packages_mib:
        yield None
        return
    size_bytes = config.packages_mib * 1024**2
    cache = PackageCache(working / PACKAGES, account, size_bytes=size_bytes)
    url = cache.start()
    try:
        yield url
    finally:
        cache.stop()
