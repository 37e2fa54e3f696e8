# SPDX-License-Identifier: GPL-3.0-or-later
"""
The program ``debusine-admin``: it reads and writes the server's database itself.

Commands are the files in ``debusine.admin.commands``, see
:mod:`debusine.util.command_folder`. They are imported once Django is ready, so that they
may import rows.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click
import django

from debusine import __version__
from debusine.admin import commands
from debusine.errors import DebusineError
from debusine.settings import default_data_dir
from debusine.util.command_folder import command_folder
from debusine.util.log import configure_logging

STATUS_ERROR = 3
STATUS_INTERRUPTED = 130


def _open(_context: click.Context, _option: click.Parameter, data_dir: Path) -> Path:
    """Make Django ready: commands are imported before any of them is called."""
    # files that are made are for the server's user only
    os.umask(0o077)
    configure_logging("WARNING", stream=sys.stderr)
    os.environ["DEBUSINE_DATA_DIR"] = str(data_dir.absolute())
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "debusine.site.settings")
    django.setup(set_prefix=False)
    return data_dir


@click.group(cls=command_folder(commands), context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="debusine-admin")
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    default=default_data_dir,
    envvar="DEBUSINE_DATA_DIR",
    is_eager=True,
    expose_value=False,
    callback=_open,
    help="Of the server; as root /var/lib/debusine unless DEBUSINE_DATA_DIR says otherwise.",
)
def cli() -> None:
    """Care for a server, on the machine that it runs on."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the program and leave with its exit status."""
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: Sequence[str]) -> int:
    """
    Run a command.

    :returns: the exit status: 0 fine, 2 wrong usage, 3 any other error, or what the command says
    """
    try:
        result = cli.main(list(arguments), prog_name="debusine-admin", standalone_mode=False)
    except click.exceptions.Exit as ending:
        return ending.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        click.echo("Interrupted.", err=True)
        return STATUS_INTERRUPTED
    except DebusineError as error:
        click.echo(f"Error: {error.explain()}", err=True)
        return STATUS_ERROR
    return result if isinstance(result, int) else 0
