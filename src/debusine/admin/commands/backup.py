# SPDX-License-Identifier: GPL-3.0-or-later
"""``debusine-admin backup``: write everything that a server holds into one file."""

from __future__ import annotations

from pathlib import Path

import click
from django.conf import settings

from debusine.admin.backup import show_report
from debusine.db.upgrade import migrate_if_needed
from debusine.server.backup import size_of_files, write_backup
from debusine.server.stores import default_store


@click.command(
    epilog="""
    Examples:

    \b
      debusine-admin backup /srv/backups/debusine.tar
    """
)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def backup(file: Path) -> int:
    """
    Write all rows, files, logs and the keys of sessions of this server into FILE, a tar archive.

    The server may run meanwhile. FILE is replaced only by a complete backup, and readable for
    you alone: it holds tokens. What a signing worker keeps is not in it.
    """
    migrate_if_needed()
    with click.progressbar(length=size_of_files(), label="Writing files") as bar:
        report = write_backup(
            file, settings.DEBUSINE.data_dir, default_store(), progress=bar.update
        )
    return show_report("Wrote", report)
