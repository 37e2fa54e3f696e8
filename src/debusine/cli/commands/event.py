# SPDX-License-Identifier: GPL-3.0-or-later
"""``debusine event``: see what happens on a server."""

from __future__ import annotations

import click

from debusine.cli.connection import connect
from debusine.cli.output import plain, print_table, print_yaml, remember_format
from debusine.client.event import EventReader
from debusine.wire.event import Event

EXAMPLES = """
Examples:

\b
  debusine event list --after 120 --yaml
  debusine event follow --workspace System
  debusine event follow --after 120 --json

Each event has a cursor, after which the next call can go on.
"""

_workspaces = click.option(
    "-w", "--workspace", "workspaces", multiple=True, metavar="NAME", help="Only this one's."
)
_kinds = click.option(
    "--kind", "kinds", multiple=True, metavar="KIND", help="Such as work_request.completed."
)


@click.group("event", epilog=EXAMPLES)
def command() -> None:
    """See what happens on a server."""


def _reader(
    context: click.Context, workspaces: tuple[str, ...], kinds: tuple[str, ...]
) -> EventReader:
    return connect(context).client.events(workspaces=workspaces, kinds=kinds)


@command.command("list")
@click.option("--after", metavar="CURSOR", help="Without it, only the newest cursor is shown.")
@_workspaces
@_kinds
@click.option(
    "--yaml", "as_yaml", is_flag=True, help="Print YAML, errors too.", callback=remember_format
)
@click.pass_context
def list_(
    context: click.Context,
    /,
    *,
    after: str | None,
    workspaces: tuple[str, ...],
    kinds: tuple[str, ...],
    as_yaml: bool,
) -> None:
    """List what happened after a cursor."""
    page = _reader(context, workspaces, kinds).page(after)
    if as_yaml:
        print_yaml(plain(page))
        return
    if page.results:
        print_table(
            ("Cursor", "When", "What", "Request", "Result"), [_row(event) for event in page.results]
        )
    rest = "more, go on" if page.more else "no more, begin next time"
    click.echo(f"{rest} with --after {page.cursor}")


@command.command()
@click.option("--after", metavar="CURSOR", help="Begin after it, not now.")
@_workspaces
@_kinds
@click.option(
    "--json", "as_json", is_flag=True, help="A line of JSON for each.", callback=remember_format
)
@click.pass_context
def follow(
    context: click.Context,
    /,
    *,
    after: str | None,
    workspaces: tuple[str, ...],
    kinds: tuple[str, ...],
    as_json: bool,
) -> None:
    """Show what happens, as it happens, until stopped."""
    for event in _reader(context, workspaces, kinds)(after, follow=True):
        click.echo(event.model_dump_json() if as_json else "  ".join(_row(event)))


def _row(event: Event) -> tuple[str, ...]:
    when = event.created_at.strftime("%Y-%m-%d %H:%M:%S")
    result = event.data.get("result", "")
    return event.cursor, when, event.kind, str(event.work_request or ""), str(result)
