# SPDX-License-Identifier: GPL-3.0-or-later
"""``debusine-admin migrate-db``: copy all rows to another database, and compare them."""

from __future__ import annotations

import click
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS

from debusine.client.local_server import DataDir, hold_data_dir
from debusine.db.address import SQLITE, database_settings
from debusine.db.copying import CopiedTable, copy_database
from debusine.db.second import make_tables, second_database
from debusine.db.tables import all_tables
from debusine.db.upgrade import migrate_if_needed


@click.command(
    epilog="""
    Examples:

    \b
      debusine-admin migrate-db postgresql://debusine@db.example.org/debusine
      debusine-admin migrate-db sqlite:////srv/debusine/debusine.sqlite3
    """
)
@click.argument("url")
def migrate_db(url: str) -> None:
    """
    Copy all rows of this server to the database at URL, and compare them row by row.

    URL is postgresql://USER@HOST:PORT/NAME or sqlite:///PATH, and the database holds nothing yet. A
    password may come from ~/.pgpass or PGPASSWORD (libpq). The server must not run meanwhile.

    What is there is not changed. If anything goes wrong, or you interrupt it, the new
    database stays empty. Files, keys and logs stay where they are.
    """
    wanted = database_settings(url)
    with hold_data_dir(DataDir(settings.DEBUSINE.data_dir)):
        migrate_if_needed()
        with second_database("target", wanted) as target:
            make_tables(target)
            total = 2 * sum(table.count(DEFAULT_DB_ALIAS) for table in all_tables())
            with click.progressbar(length=total, label="Copying and comparing rows") as bar:
                tables = copy_database(DEFAULT_DB_ALIAS, target, progress=bar.update)
    _show(tables)
    if url.startswith(SQLITE):
        click.echo("Name the file debusine.sqlite3 in the data directory, and unset")
        click.echo("DEBUSINE_DATABASE_URL; then the server uses it.")
    else:
        click.echo("Set DEBUSINE_DATABASE_URL to this address; then the server uses it.")


def _show(tables: list[CopiedTable]) -> None:
    filled = [table for table in tables if table.rows]
    width = max((len(table.name) for table in filled), default=0)
    for table in filled:
        click.echo(f"{table.name:<{width}}  {table.rows:>9}  sha256 {table.digest[:16]}")
    rows = sum(table.rows for table in tables)
    click.echo(f"{rows} rows in {len(tables)} tables are the same in both databases.")
