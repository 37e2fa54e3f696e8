# SPDX-License-Identifier: GPL-3.0-or-later
"""``debusine-signing``: the service that holds keys, for its administrator."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import structlog
from typing_extensions import override

from debusine import __version__
from debusine.errors import DebusineError
from debusine.signing.account import become, keeper, make_data_directory, open_keys
from debusine.signing.config import DEFAULT_DIRECTORIES, SigningConfig, read_signing_config
from debusine.signing.output import FORMATS, show_entries, show_keys
from debusine.signing.records import Records
from debusine.signing.run import serve
from debusine.signing.service_key import make_service_key
from debusine.util.log import LEVELS, configure_logging
from debusine.worker.config import find_directory
from debusine.worker.main import EXIT_CONFIGURATION

log = structlog.get_logger(__name__)


class _Program(click.Group):
    """Shows what the user can mend without a traceback."""

    @override
    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except DebusineError as error:
            click.echo(f"Error: {error.explain()}", err=True)
            ctx.exit(EXIT_CONFIGURATION)


@click.group(cls=_Program, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="debusine-signing")
@click.option(
    "--config-directory",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Where config.ini and the token lie.",
)
@click.pass_context
def main(context: click.Context, *, config_directory: Path | None) -> None:
    """
    Hold keys, and sign with them what a debusine server asks for.

    The configuration is in ~/.config/debusine/signing or /etc/debusine/signing.
    """
    context.obj = config_directory


def _config(directory: Path | None) -> SigningConfig:
    return read_signing_config(directory or find_directory(DEFAULT_DIRECTORIES))


def _records(directory: Path | None) -> Records:
    config = _config(directory)
    account = keeper(config.worker.user)
    make_data_directory(config.keys.data_directory, account)
    become(account, config.keys)
    return open_keys(config.keys)


@main.command()
@click.option("--log-level", type=click.Choice(LEVELS), help="Instead of that in config.ini.")
@click.option(
    "--log-stderr", is_flag=True, help="Log to standard error, not to the systemd journal."
)
@click.option("--once", is_flag=True, help="Run one task, and end.")
@click.pass_obj
def run(directory: Path | None, *, log_level: str | None, log_stderr: bool, once: bool) -> None:
    """Connect to the server and sign."""
    _log(log_level or "INFO", to_stderr=log_stderr)
    try:
        config = _config(directory)
        level = log_level or config.worker.log_level
        _log(level, to_stderr=log_stderr)
        status = serve(config, log_level=level, once=once)
    except DebusineError as error:
        log.critical("cannot-start", problem=error.explain())
        status = EXIT_CONFIGURATION
    sys.exit(status)


def _log(level: str, *, to_stderr: bool) -> None:
    stream = sys.stderr if to_stderr else None
    configure_logging(level, identifier="debusine-signing", stream=stream)


@main.command()
@click.option("--format", "shape", type=click.Choice(FORMATS), default="text", show_default=True)
@click.option("--public", metavar="FINGERPRINT", help="Print the public half of this key instead.")
@click.pass_obj
def keys(directory: Path | None, *, shape: str, public: str | None) -> None:
    """List the keys that are held here, without their private halves."""
    show_keys(_records(directory).list_keys(), shape=shape, public=public)


@main.command()
@click.option("--format", "shape", type=click.Choice(FORMATS), default="text", show_default=True)
@click.option("--fingerprint", help="Only uses of this key.")
@click.option("--work-request", type=click.IntRange(min=1), help="Only uses by this request.")
@click.option(
    "--limit", type=click.IntRange(min=1), default=100, show_default=True, help="How many at most."
)
@click.pass_obj
def audit(
    directory: Path | None,
    *,
    shape: str,
    fingerprint: str | None,
    work_request: int | None,
    limit: int,
) -> None:
    """Show what keys were used for, newest first."""
    entries = _records(directory).audit(
        fingerprint=fingerprint, work_request_id=work_request, at_most=limit
    )
    show_entries(entries, shape=shape)


@main.command(name="service-key")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def service_key(file: Path) -> None:
    """
    Make a key that seals the keys in the database.

    The first by name of the directory of service keys seals, all others open.
    """
    make_service_key(file)


if __name__ == "__main__":
    main()
