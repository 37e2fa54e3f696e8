# SPDX-License-Identifier: GPL-3.0-or-later
"""``debusine-admin restore``: make a server of a backup."""

from __future__ import annotations

from pathlib import Path

import click
from django.conf import settings

from debusine.admin.backup import show_report
from debusine.client.local_server import DataDir, hold_data_dir
from debusine.server.backup import restore_backup
from debusine.server.stores import default_store


@click.command(
    epilog="""
    Examples:

    \b
      mkdir /srv/debusine
      debusine-admin --data-dir /srv/debusine restore /srv/backups/debusine.tar
    """
)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
def restore(file: Path) -> int:
    """
    Make a server of the backup in FILE, in a data directory and a database that hold nothing yet.

    Which database that is, DEBUSINE_DATABASE_URL says; it need not be of the kind that
    the backup was made of. Every file is compared with its name, and every row with the backup.
    """
    data_dir = settings.DEBUSINE.data_dir
    with (
        hold_data_dir(DataDir(data_dir)),
        click.progressbar(length=file.stat().st_size, label="Reading files") as bar,
    ):
        report = restore_backup(file, data_dir, default_store(), progress=bar.update)
    return show_report("Restored", report)
