# SPDX-License-Identifier: GPL-3.0-or-later
"""``debusine-worker``: the program that runs the agent."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import sys
from dataclasses import replace
from pathlib import Path

import aiohttp
import click
import structlog

from debusine import __version__
from debusine.client.local_server import AGENTS_LOCK
from debusine.domain.resources import MAX_SLOTS, Offer
from debusine.errors import ConflictError, DebusineError, NotPossibleError
from debusine.util.control_group import Limiter, NoLimits, find_limits
from debusine.util.file_lock import FileLock, wait_lock
from debusine.util.log import LEVELS, configure_logging
from debusine.worker.agent import EXIT_CLEAN, Agent
from debusine.worker.apt import PACKAGE_CACHE
from debusine.worker.cache import cache
from debusine.worker.config import (
    WorkerConfig,
    find_directory,
    read_key,
    read_worker_config,
    write_key,
)
from debusine.worker.directories import clean_leftovers, make_working_directory
from debusine.worker.image_cache import make_image_cache
from debusine.worker.nursery_client import NurseryClient
from debusine.worker.offer import make_offer
from debusine.worker.package_cache import package_cache
from debusine.worker.server_api import ServerApi
from debusine.worker.trade import EXTERNAL, Trade
from debusine.worker.user import Account, account_for

EXIT_CONFIGURATION = 3
LOCK_TIMEOUT_S = 10.0

log = structlog.get_logger(__name__)


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="debusine-worker")
@click.option("--log-level", type=click.Choice(LEVELS), help="Instead of that in config.ini.")
@click.option(
    "--log-stderr", is_flag=True, help="Log to standard error, not to the systemd journal."
)
@click.option(
    "--working-directory",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where the directories of tasks are made.",
)
@click.option(
    "--config-directory",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Where config.ini and the token lie.",
)
@click.option("--clean", is_flag=True, help="Remove what earlier tasks left behind, and end.")
@click.option("--once", is_flag=True, help="Run one task, and end.")
@click.option(
    "--slots",
    type=click.IntRange(1, MAX_SLOTS),
    help="How many tasks run at once, instead of what config.ini says.",
)
@click.pass_context
def main(  # noqa: PLR0913  one per option
    context: click.Context,
    *,
    log_level: str | None,
    log_stderr: bool,
    working_directory: Path | None,
    config_directory: Path | None,
    clean: bool,
    once: bool,
    slots: int | None,
) -> None:
    """
    Run tasks for a debusine server.

    The configuration is in ~/.config/debusine/worker or /etc/debusine/worker.
    """
    configure(log_level or "INFO", to_stderr=log_stderr)
    try:
        config = read_worker_config(config_directory or find_directory())
        if slots is not None:
            config = replace(config, slots=slots)
        level = log_level or config.log_level
        configure(level, to_stderr=log_stderr)
        if context.invoked_subcommand is not None:
            context.obj = find_working_directory(config, working_directory)
            return
        status = run(config, working_directory, log_level=level, clean=clean, once=once)
    except DebusineError as error:
        log.critical("cannot-start", problem=error.explain())
        status = EXIT_CONFIGURATION
    sys.exit(status)


def configure(level: str, *, to_stderr: bool) -> None:
    """Set up logging."""
    configure_logging(level, identifier="debusine-worker", stream=sys.stderr if to_stderr else None)


def run(
    config: WorkerConfig,
    working_directory: Path | None,
    *,
    log_level: str,
    clean: bool = False,
    once: bool = False,
) -> int:
    """
    Run the agent, or clean up.

    :param working_directory: instead of that in the configuration
    :returns: exit status
    :raises DebusineError: if it cannot start
    """
    account = account_for(config.user)
    working = find_working_directory(config, working_directory)
    make_working_directory(working)
    clean_leftovers(working)
    if clean:
        return EXIT_CLEAN
    # both fork before there are threads
    with share(working), package_cache(config, account, working) as url:
        environment = {} if url is None else {PACKAGE_CACHE: url}
        nursery = NurseryClient(log_level=log_level, environment=environment)
        nursery.start()
        try:
            return asyncio.run(
                serve(config, account=account, working=working, nursery=nursery, once=once)
            )
        finally:
            nursery.stop()


def share(working: Path) -> FileLock:
    """
    Say that an agent uses a working directory; others may do so beside it.

    :raises ConflictError: if somebody is removing it
    """
    try:
        return wait_lock(working / AGENTS_LOCK, shared=True, timeout_s=LOCK_TIMEOUT_S)
    except TimeoutError as error:
        raise ConflictError(f"working directory {working} is being removed") from error


async def serve(
    config: WorkerConfig,
    *,
    account: Account,
    working: Path,
    nursery: NurseryClient,
    once: bool = False,
) -> int:
    """
    Register if need be, then serve.

    :returns: exit status
    :raises DebusineError: if the server does not take the registration
    """
    key = read_key(config.directory / "token") or await register(config)
    make_image_cache(working, account, config)
    offer = make_offer(config, working)
    agent = Agent(
        config=config,
        key=key,
        account=account,
        working=working,
        nursery=nursery,
        once=once,
        offer=offer,
        limiter=find_limiter(offer),
    )
    return await agent.run()


def find_limiter(offer: Offer) -> Limiter:
    """What limits the memory of tasks: only where they share some, and where we can."""
    if offer.memory_mib is None:
        return NoLimits()
    try:
        return find_limits()
    except NotPossibleError as error:
        log.info("tasks-not-limited", reason=error.brief)
        return NoLimits()


async def register(config: WorkerConfig, trade: Trade = EXTERNAL) -> str:
    """
    Ask the server to let this machine work for it.

    :param trade: as what
    :returns: the key of this worker, which is stored, too
    :raises DebusineError: if the server refuses
    """
    key = secrets.token_hex(32)
    activation = read_key(config.directory / "activation-token")
    connect, read = config.http_timeout
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=connect, sock_read=read)
    async with aiohttp.ClientSession(timeout=timeout, trust_env=True) as session:
        api = ServerApi(session, config.api_url)
        await api.register(
            key,
            fqdn=socket.getfqdn(),
            activation_key=activation,
            worker_type=trade.worker_type,
        )
    write_key(config.directory / "token", key)
    log.info("registered", url=config.api_url)
    return key


def find_working_directory(config: WorkerConfig, given: Path | None = None) -> Path:
    """
    Where this worker makes the directories of tasks, and keeps images.

    :param given: instead of what the configuration says
    """
    chosen = given or config.working_directory
    return chosen or default_working_directory(account_for(config.user))


def default_working_directory(account: Account) -> Path:
    """``workdir`` in the home directory of the one who runs tasks."""
    if os.geteuid() != 0 and not os.environ.get("HOME"):
        return Path("/tmp")  # noqa: S108  as documented
    home = account.home if os.geteuid() == 0 else os.environ["HOME"]
    return Path(home) / "workdir"


main.add_command(cache)

if __name__ == "__main__":
    main()
