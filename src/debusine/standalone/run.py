# SPDX-License-Identifier: GPL-3.0-or-later
"""Server, jobs and agent until told to stop; imported once Django is loaded."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import os
import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import structlog
import uvloop
from django.urls import get_resolver

from debusine.client.local_server import Holder
from debusine.db.upgrade import migrate_if_needed
from debusine.errors import BugError
from debusine.server import job_queue, ticker
from debusine.server.actions.bootstrap import bootstrap, invite_worker
from debusine.settings import JobsPlace, Settings
from debusine.standalone.access import (
    Access,
    administrator_key,
    agent_key,
    join_line,
    new_key,
    write_agent_config,
    write_client_config,
    write_signing_config,
)
from debusine.standalone.agent import agent_command, keep_running, signing_command
from debusine.standalone.jobs_worker import require_broker
from debusine.standalone.options import Options
from debusine.standalone.usage import wait_until_unused
from debusine.standalone.web_server import WebServer
from debusine.util.clock import SystemClock
from debusine.util.file_lock import FileLock

APPLICATION = "debusine.site.asgi:application"
INVITATION_VALID = timedelta(hours=1)

log = structlog.get_logger(__name__)


def run(options: Options, lock: FileLock, listener: socket.socket) -> int:
    """
    Serve until told to stop.

    :param lock: held on the data directory; gets to know who we are once we answer
    :returns: exit status
    :raises UpstreamError: if the database cannot be reached
    :raises UserError: if jobs are to run elsewhere, and nobody could hear of them
    """
    settings = Settings()
    if settings.jobs is JobsPlace.ELSEWHERE:
        require_broker(settings)
    url = options.listen.url(port=listener.getsockname()[1], fqdn=_machine_name(settings))
    migrate_if_needed()
    # what is wrong with an endpoint shows now, and the first request is not slower than others
    assert get_resolver().url_patterns
    _prepare(options, settings, url)
    program = _Program(options=options, lock=lock, listener=listener, url=url)
    uvloop.run(program.main())
    return 0


def _prepare(options: Options, settings: Settings, url: str) -> None:
    """Rows and files without which nobody could talk to the server."""
    user_key = administrator_key(options.data_dir)
    worker_key = agent_key(options.data_dir.worker)
    signing_key = agent_key(options.data_dir.signing) if options.with_signing else None
    bootstrap(
        scope_name=settings.default_scope,
        workspace_name=settings.default_workspace,
        user_key=user_key,
        worker_key=worker_key,
        signing_key=signing_key,
        now=SystemClock().now(),
    )
    access = Access(
        api_url=f"{url}/api/",
        token=user_key,
        scope=settings.default_scope,
        workspace=settings.default_workspace,
    )
    write_client_config(options.data_dir.client_config, access)
    if options.client_config is not None:
        write_client_config(options.client_config, access)
    write_agent_config(options.data_dir, url=url, key=worker_key)
    if signing_key is not None:
        here = f"http://{options.listen.as_seen_here}:{urlsplit(url).port}"
        write_signing_config(options.data_dir, url=here, key=signing_key)


def _machine_name(settings: Settings) -> str:
    """The name by which other machines know this one."""
    return settings.fqdn if settings.fqdn != "localhost" else socket.gethostname()


@dataclass(frozen=True, kw_only=True, slots=True)
class _Program:
    """What runs in the event loop."""

    options: Options
    lock: FileLock
    listener: socket.socket
    url: str

    async def main(self) -> None:
        """Start the parts, wait for a reason to stop, stop them in the other order."""
        stop = _stop_on_signals()
        server = WebServer(APPLICATION)
        serving = asyncio.create_task(server.serve(sockets=[self.listener]))
        reasons: list[asyncio.Task[Any]] = [asyncio.create_task(stop.wait()), serving]
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(_stop_server, server, serving)
            await _first_of(asyncio.create_task(server.answers.wait()), *reasons)
            if not server.answers.is_set():
                return
            ticker.acquire()
            stack.push_async_callback(asyncio.to_thread, ticker.release)
            for command in self._children():
                child = asyncio.create_task(keep_running(command, data_dir=self.options.data_dir))
                stack.push_async_callback(_cancel, child)
                reasons.append(child)
            await self._announce()
            jobs = asyncio.create_task(asyncio.to_thread(self._start_jobs))
            stack.push_async_callback(_stop_jobs, jobs)
            if self.options.while_used is not None:
                reasons.append(asyncio.create_task(wait_until_unused(self.options.while_used)))
            await _first_of(*reasons)
            log.info("stopping")

    def _children(self) -> list[list[str]]:
        """Commands of the programs that run as long as we do."""
        given = self.options
        return [
            *([agent_command(given.data_dir, slots=given.slots)] if given.with_worker else []),
            *([signing_command(given.data_dir)] if given.with_signing else []),
        ]

    def _start_jobs(self) -> Callable[[], None]:
        """
        Run jobs in threads, or tell others of them.

        Celery takes half a second to load, for which nobody who asks has to wait.

        :returns: what stops them
        """
        if Settings().jobs is JobsPlace.ELSEWHERE:
            importlib.import_module("debusine.server.celery")
            return job_queue.disconnect
        job_runner = importlib.import_module("debusine.server.job_runner")
        runner = job_runner.JobRunner(holder=str(self.options.data_dir.root))
        runner.start()
        stop: Callable[[], None] = runner.stop
        return stop

    async def _announce(self) -> None:
        """Tell everybody who waits that the server answers."""
        stays = self.options.while_used is None
        holder = Holder(pid=os.getpid(), url=self.url, stays=stays)
        self.lock.write(holder.as_json())
        log.info("ready", url=self.url)
        if self.options.ready_fd is not None:
            with os.fdopen(self.options.ready_fd, "w") as ready:
                ready.write(holder.as_json() + "\n")
        if self.options.while_used is None:
            key = new_key()
            await asyncio.to_thread(
                invite_worker, key=key, now=SystemClock().now(), valid_for=INVITATION_VALID
            )
            print(_welcome(self.options, self.url, key), flush=True)  # noqa: T201  for people


def _stop_on_signals() -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    return stop


async def _first_of(*tasks: asyncio.Task[Any]) -> None:
    """Wait for one of several; what it raised is raised."""
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        task.result()


async def _stop_jobs(starting: asyncio.Task[Callable[[], None]]) -> None:
    await asyncio.to_thread(await starting)


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def _stop_server(server: WebServer, serving: asyncio.Task[None]) -> None:
    server.should_exit = True
    await serving
    if not server.answers.is_set():
        raise BugError("the server did not start; its log says why")


def _welcome(options: Options, url: str, key: str) -> str:
    """What a person sees who started the server."""
    lines = [
        f"debusine is running at {url}/",
        f"  data      {options.data_dir.root}",
        f"  log       {options.data_dir.log}",
        "  build     debusine build hello",
        "  stop      Ctrl-C",
        "To let another machine work for this one, run there within the hour:",
        f"  {join_line(url=url, key=key)}",
    ]
    if options.listen.is_loopback:
        lines.append("It listens for this machine only; others need: debusine up --listen 0.0.0.0")
    return "\n".join(lines)
