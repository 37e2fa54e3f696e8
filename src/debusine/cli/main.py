# SPDX-License-Identifier: GPL-3.0-or-later
"""
The program ``debusine``: find the command, run it, show errors.

Commands are the files in ``debusine.cli.commands``; each exports ``command``. Only
the one that is used is imported: that keeps ``--help`` and completion fast.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

import click

from debusine import __version__
from debusine.cli import commands
from debusine.cli.context import ARGUMENTS_KEY, Globals
from debusine.errors import DebusineError
from debusine.util.command_folder import command_folder

STATUS_ERROR = 3
COMPLETE_VARIABLE = "_DEBUSINE_COMPLETE"
STATUS_INTERRUPTED = 130

EXAMPLES = """
Examples:

\b
  debusine build hello                  build a package of this machine's release
  debusine build . --suite trixie       build the source tree you are in
  debusine up                           start a server with a worker
  debusine work-request list            what runs, and what ran
  debusine doctor                       check what this machine lacks

\b
  eval "$(debusine completion bash)"    complete commands and options
"""


@click.group(
    cls=command_folder(commands),
    epilog=EXAMPLES,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="debusine")
@click.option(
    "--server",
    metavar="NAME",
    envvar="DEBUSINE_SERVER_NAME",
    help="A server of the configuration file, or HOST/SCOPE.",
)
@click.option("--scope", metavar="NAME", help="Work in another scope than the configured one.")
@click.option(
    "--config-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Configuration instead of ~/.config/debusine/client/config.ini.",
)
@click.option("-s", "--silent", is_flag=True, help="Only warnings.")
@click.option(
    "-d",
    "--debug",
    metavar="SUBSYSTEMS",
    help="Show what goes on: http, all or names of loggers, with commas.",
)
@click.pass_context
def cli(
    context: click.Context,
    *,
    server: str | None,
    scope: str | None,
    config_file: Path | None,
    silent: bool,
    debug: str | None,
) -> None:
    """Build, check and publish Debian packages."""
    given = Globals(server=server, scope=scope, config_file=config_file, silent=silent, debug=debug)
    given.start_logging()
    context.obj = given


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the program and leave with its exit status."""
    signal.signal(signal.SIGTERM, _terminate)
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def _terminate(_signum: int, _frame: FrameType | None) -> None:
    """Treat SIGTERM as Ctrl-C, so that what was started is stopped."""
    raise KeyboardInterrupt


def run(arguments: Sequence[str]) -> int:
    """
    Run a command.

    :returns: the exit status: 0 fine, 2 wrong usage, 3 any other error, or what
        the command says
    """
    meta: dict[str, object] = {}
    if COMPLETE_VARIABLE in os.environ:
        cli.main(list(arguments), prog_name="debusine", complete_var=COMPLETE_VARIABLE)
    try:
        with cli.make_context("debusine", list(arguments)) as context:
            meta = context.meta
            meta[ARGUMENTS_KEY] = tuple(arguments)
            result = cli.invoke(context)
    except click.exceptions.Exit as ending:
        return ending.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        click.echo("Interrupted.", err=True)
        return STATUS_INTERRUPTED
    except DebusineError as error:
        return _show(error, meta)
    except BrokenPipeError:
        # whoever read our output has seen enough; Python must not complain at exit
        sys.stderr.close()
        return STATUS_ERROR
    return result if isinstance(result, int) else 0


def _show(error: DebusineError, meta: dict[str, object]) -> int:
    # rich and YAML are not needed before something is printed
    output = importlib.import_module("debusine.cli.output")
    output.print_error(error, meta.get(output.FORMAT_KEY, output.Format.TEXT))
    status = meta.get(output.ERROR_STATUS_KEY, STATUS_ERROR)
    return status if isinstance(status, int) else STATUS_ERROR
