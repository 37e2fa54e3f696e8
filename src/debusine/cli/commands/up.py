# SPDX-License-Identifier: GPL-3.0-or-later
"""``debusine up``: server, jobs and one worker on this machine."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from debusine.cli.context import Globals
from debusine.cli.units import make_unit
from debusine.client.listen import parse_listen
from debusine.domain.resources import MAX_SLOTS
from debusine.errors import UserError
from debusine.settings import default_data_dir
from debusine.util.files import write_atomically

EXAMPLES = """
Examples:

\b
  debusine up
  debusine up --listen 0.0.0.0:8000       for other machines too
  debusine up --slots 4                   four builds at once, on a large machine
  debusine up --service                   from every start of the machine on
"""


def _checked(context: click.Context, parameter: click.Parameter, value: str) -> str:
    """
    Find out now: a unit would fail at every start of the machine.

    :raises click.BadParameter: if it is no place to listen
    """
    del context, parameter
    try:
        parse_listen(value)
    except UserError as error:
        raise click.BadParameter(error.explain()) from error
    return value


@click.command(epilog=EXAMPLES)
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    default=default_data_dir,
    help="Where everything lies that it keeps.",
)
@click.option(
    "--listen",
    metavar="ADDR:PORT",
    default="127.0.0.1:8000",
    show_default=True,
    callback=_checked,
    help="Where it listens; port 0 takes a free one.",
)
@click.option("--no-worker", is_flag=True, help="Start no worker on this machine.")
@click.option(
    "--slots",
    type=click.IntRange(1, MAX_SLOTS),
    help="How many tasks the worker runs at once; default: what its config.ini says, else 1.",
)
@click.option("--signing", is_flag=True, help="Also start a worker that holds keys and signs.")
@click.option("--service", is_flag=True, help="Write a systemd unit instead of starting now.")
@click.pass_context
def up(
    context: click.Context,
    *,
    data_dir: Path,
    listen: str,
    no_worker: bool,
    slots: int | None,
    signing: bool,
    service: bool,
) -> None:
    """
    Start a server with one worker on this machine.

    The first start configures everything, this user's client included. Ctrl-C
    stops all that was started.
    """
    given = context.find_object(Globals) or Globals()
    command = standalone_command(
        given,
        data_dir=data_dir,
        listen=listen,
        no_worker=no_worker,
        slots=slots,
        signing=signing,
    )
    if service:
        _write_unit(command)
        return
    sys.stdout.flush()
    # the server takes our place, so that signals and the exit status are its own
    os.execv(command[0], command)  # noqa: S606  a list, no shell


def standalone_command(
    given: Globals,
    *,
    data_dir: Path,
    listen: str,
    no_worker: bool,
    slots: int | None = None,
    signing: bool = False,
) -> list[str]:
    """Compose the command that serves; it works from any directory."""
    return [
        sys.executable, "-m", "debusine.standalone",
        "--data-dir", str(data_dir.absolute()),
        "--listen", listen,
        "--client-config", str(given.config_path.absolute()),
        *(["--no-worker"] if no_worker else []),
        *([] if slots is None else ["--slots", str(slots)]),
        *(["--signing"] if signing else []),
    ]  # fmt: skip


def _write_unit(command: list[str]) -> None:
    unit = make_unit(command, is_root=os.geteuid() == 0)
    unit.path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(unit.path, unit.text.encode())
    click.echo(f"Wrote {unit.path}. To start it now and with the machine:")
    for line in unit.commands:
        click.echo(f"  {line}")
