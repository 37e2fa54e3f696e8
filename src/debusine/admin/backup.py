# SPDX-License-Identifier: GPL-3.0-or-later
"""How a backup, or what was made of one, is reported to people."""

from __future__ import annotations

import click

from debusine.server.backup import Report

_SHOWN = 10


def show_report(done: str, report: Report) -> int:
    """
    Say how much it was.

    :param done: what was done with it
    :returns: exit status: 1 if files are missing
    """
    click.echo(f"{done} {report.rows} rows, {report.files} files and {report.logs} parts of logs.")
    if not report.missing:
        return 0
    click.echo(f"{len(report.missing)} files are missing from the store:", err=True)
    for content in report.missing[:_SHOWN]:
        click.echo(f"  sha256 {content.sha256}, {content.size_bytes} bytes", err=True)
    return 1
