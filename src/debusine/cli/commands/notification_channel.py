# SPDX-License-Identifier: GPL-3.0-or-later
"""``debusine notification-channel``: how people are told, for administrators."""

from __future__ import annotations

import click

from debusine.cli.connection import connect
from debusine.cli.data import read_data
from debusine.cli.output import plain, print_table, print_yaml, remember_format
from debusine.client.notification_channel import NotificationChannels

EXAMPLES = """
Examples:

\b
  echo '{to: [team@example.org]}' | debusine notification-channel create team
  debusine notification-channel list

\b
Requests name a channel in the data of their task:
  notifications: {on_failure: [{channel: team}]}
"""

_data = click.option("--data", metavar="FILE", default="-", help="Data in YAML. [default: stdin]")
_name = click.argument("name", metavar="NAME")


@click.group("notification-channel", epilog=EXAMPLES)
def command() -> None:
    """Say how people are told, for administrators."""


def _channels(context: click.Context) -> NotificationChannels:
    return NotificationChannels(transport=connect(context).client.transport)


@command.command("list")
@click.option(
    "--yaml", "as_yaml", is_flag=True, help="Print YAML, errors too.", callback=remember_format
)
@click.pass_context
def list_(context: click.Context, /, *, as_yaml: bool) -> None:
    """List channels."""
    found = _channels(context).list()
    if as_yaml:
        print_yaml([plain(channel) for channel in found])
        return
    rows = [
        (each.name, each.method, ", ".join([*each.data.to, *each.data.cc]), each.data.subject or "")
        for each in found
    ]
    print_table(("Name", "Method", "To", "Subject"), rows)


@command.command()
@_name
@click.argument("method", type=click.Choice(["email"]), default="email")
@_data
@click.pass_context
def create(context: click.Context, /, *, name: str, method: str, data: str) -> None:
    """Make a channel; data: to, and from, cc and subject if wanted."""
    _channels(context).create(name, method, read_data(data))


@command.command("change-name")
@_name
@click.argument("new_name", metavar="NEW-NAME")
@click.pass_context
def change_name(context: click.Context, /, *, name: str, new_name: str) -> None:
    """Give a channel another name."""
    _channels(context).change(name, new_name=new_name)


@command.command("change-data")
@_name
@_data
@click.pass_context
def change_data(context: click.Context, /, *, name: str, data: str) -> None:
    """Give a channel other data."""
    _channels(context).change(name, data=read_data(data))


@command.command()
@_name
@click.pass_context
def delete(context: click.Context, /, *, name: str) -> None:
    """Remove a channel; requests that use it tell nobody any more."""
    _channels(context).delete(name)
