# SPDX-License-Identifier: GPL-3.0-or-later
"""``debusine attach``: open a terminal in an environment that is kept."""

from __future__ import annotations

import os
import re
import sys

import click

from debusine.cli.connection import connect
from debusine.cli.output import print_table
from debusine.cli.terminal import attach, size_of
from debusine.wire.terminal import TerminalRecord, TerminalWanted, TerminalWelcome

EXAMPLES = """
Examples:

\b
  debusine attach 12                      a shell as the user of the task
  debusine attach 12 --root               as root of the sandbox
  debusine attach 12 -- ls -l debian      one command, and its exit status
  debusine attach 12 --list               who was there, and when
  debusine attach 12 --show 3             what terminal 3 has shown
"""
_TERM = re.compile(r"[A-Za-z0-9_.+-]{1,64}")


@click.command("attach", epilog=EXAMPLES)
@click.argument("work_request_id", metavar="ID", type=int)
@click.argument("words", metavar="[-- COMMAND...]", nargs=-1, type=click.UNPROCESSED)
@click.option("--root", is_flag=True, help="As root of the sandbox, not as the user of the task.")
@click.option("--list", "as_list", is_flag=True, help="List the terminals that were opened.")
@click.option("--show", type=int, metavar="N", help="Print what one of them has shown.")
@click.pass_context
def command(
    context: click.Context,
    /,
    *,
    work_request_id: int,
    words: tuple[str, ...],
    root: bool,
    as_list: bool,
    show: int | None,
) -> int:
    """
    Open a terminal in the environment of a work request that `debusine hold` kept.

    It goes through the server. Who opens one is written down, and everything it shows
    is kept for those who may see the work request. The exit status is that of what
    ran in it.
    """
    holds = connect(context).client.holds
    if as_list:
        _print(holds.get(work_request_id).terminals)
        return 0
    if show is not None:
        sys.stdout.buffer.write(holds.terminal_log(work_request_id, show))
        return 0
    rows, columns = size_of(sys.stdin.fileno())
    wanted = TerminalWanted(
        is_root=root, rows=rows, columns=columns, term=_term(), command=list(words)
    )
    with holds.attach(work_request_id, wanted) as connection:
        if not words:
            for line in explain(connection.welcome):
                click.echo(line, err=True)
        return attach(connection)


def explain(welcome: TerminalWelcome) -> list[str]:
    """Say where somebody is now."""
    network = "with the network of the worker" if welcome.network else "without network"
    until = f", until {welcome.until:%H:%M:%S} UTC" if welcome.until is not None else ""
    minutes = max(1, round(welcome.idle_s / 60))
    return [
        f"==> on worker {welcome.worker}, {network}, as the task had it{until}",
        f"    all that is shown is kept; it ends after {minutes} minutes without a key",
    ]


def _term() -> str:
    term = os.environ.get("TERM", "")
    return term if _TERM.fullmatch(term) else "dumb"


def _print(terminals: list[TerminalRecord]) -> None:
    rows = [
        (
            str(one.id),
            one.opened_by + (" as root" if one.is_root else ""),
            one.opened_at.strftime("%Y-%m-%d %H:%M:%S"),
            "" if one.closed_at is None else str(one.closed_at - one.opened_at).partition(".")[0],
            str(one.log_size_bytes),
            " ".join(one.command) or "a shell",
            one.reason if one.exit_code is None else f"exit status {one.exit_code}",
        )
        for one in terminals
    ]
    titles = ("Terminal", "Who", "When", "How long", "Bytes", "What", "End")
    print_table(titles, rows)
