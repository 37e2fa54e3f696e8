# SPDX-License-Identifier: GPL-3.0-or-later
"""``debusine purge``: remove what the program made on this machine."""

from __future__ import annotations

from pathlib import Path

import click

from debusine.cli.belongings import Belonging, find_belongings, wait_until_stopped
from debusine.cli.context import Globals
from debusine.client.local_server import DataDir
from debusine.errors import DebusineError
from debusine.settings import default_data_dir

MIB = 2**20
EXAMPLES = """
Examples:

\b
  debusine purge --dry-run       only list what would go
  debusine purge                 list it, ask, then remove it
"""


@click.command(epilog=EXAMPLES)
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    default=default_data_dir,
    help="Where the data of the server on this machine lie.",
)
@click.option("--dry-run", is_flag=True, help="List, and remove nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_context
def purge(context: click.Context, *, data_dir: Path, dry_run: bool, yes: bool) -> int:
    """
    Remove data, cached environments, units and accounts that debusine made here.

    Packages that were installed stay. The exit status is 1 if something was not removed.
    """
    data_dir = data_dir.absolute()
    DataDir(data_dir).require_own()
    if not dry_run:
        wait_until_stopped(data_dir)
    given = context.find_object(Globals) or Globals()
    found = list(find_belongings(data_dir, given.config_path))
    if not found:
        click.echo("There is nothing to remove.")
        return 0
    for belonging in found:
        click.echo(f"{belonging.size_bytes / MIB:10.1f} MiB  {belonging.what}: {belonging.where}")
    if dry_run:
        return 0
    if not yes and not _confirmed():
        click.echo("Nothing was removed.")
        return 1
    failures = [failure for belonging in found if (failure := _remove(belonging))]
    for failure in failures:
        click.echo(failure, err=True)
    return 1 if failures else 0


def _confirmed() -> bool:
    """
    Ask.

    :raises click.Abort: if there is nobody who could answer
    """
    try:
        return click.confirm("Remove all of this?")
    except click.Abort:
        click.echo("\nNothing was removed; --yes removes without asking.", err=True)
        raise


def _remove(belonging: Belonging) -> str | None:
    """Remove one thing; says why if that fails, so that the others can go all the same."""
    try:
        belonging.remove()
    except DebusineError as error:
        return error.explain()
    except OSError as error:
        return f"{belonging.where}: {error.strerror}"
    click.echo(f"removed {belonging.where}")
    return None
