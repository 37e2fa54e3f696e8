# SPDX-License-Identifier: GPL-3.0-or-later
"""``debusine webhook``: have addresses outside told what happens in a workspace."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Any

import click

from debusine.cli.connection import connect
from debusine.cli.output import plain, print_table, print_yaml, remember_format
from debusine.client.webhook import Webhooks
from debusine.wire.webhook import Webhook, WebhookDelivery, WebhookReplay

EXAMPLES = """
Examples:

\b
  debusine webhook create ci https://ci.example.org/debusine
  debusine webhook test ci
  debusine webhook deliveries ci
  debusine webhook replay ci --after 120

Messages are signed as the specification Standard Webhooks says.
"""

_yaml = click.option(
    "--yaml", "as_yaml", is_flag=True, help="Print YAML, errors too.", callback=remember_format
)
_workspace = click.option(
    "-w", "--workspace", metavar="NAME", help="Instead of the configured one."
)
_name = click.argument("name", metavar="NAME")


@click.group("webhook", epilog=EXAMPLES)
def command() -> None:
    """Have addresses outside told what happens in a workspace."""


def _about_one(function: Callable[..., Any]) -> Callable[..., Any]:
    """A command for one webhook, in either format."""
    return _name(_workspace(_yaml(click.pass_context(function))))


def _webhooks(context: click.Context, workspace: str | None) -> Webhooks:
    connection = connect(context)
    transport = connection.client.transport
    return Webhooks(transport=transport, workspace=workspace or connection.workspace)


def _show(webhook: Webhook, *, as_yaml: bool) -> None:
    if as_yaml:
        print_yaml(plain(webhook))
        return
    shown = plain(webhook)
    rows = [(key, str(value)) for key, value in shown.items() if value not in (None, "", [])]
    print_table(("Field", "Value"), rows)


@command.command("list")
@_workspace
@_yaml
@click.pass_context
def list_(context: click.Context, /, *, workspace: str | None, as_yaml: bool) -> None:
    """List webhooks."""
    found = list(_webhooks(context, workspace).list())
    if as_yaml:
        print_yaml([plain(webhook) for webhook in found])
        return
    rows = [(each.name, each.url, ", ".join(each.kinds) or "all", _state(each)) for each in found]
    print_table(("Name", "URL", "Events", "State"), rows)


def _state(webhook: Webhook) -> str:
    if not webhook.enabled:
        return f"disabled: {webhook.disabled_reason}"
    return "fails" if webhook.failing_since else "enabled"


@command.command()
@_name
@click.argument("url", metavar="URL")
@click.option("--kind", "kinds", multiple=True, metavar="KIND", help="Only these events.")
@_workspace
@_yaml
@click.pass_context
def create(
    context: click.Context,
    /,
    *,
    name: str,
    url: str,
    kinds: tuple[str, ...],
    workspace: str | None,
    as_yaml: bool,
) -> None:
    """Post what happens from now on to an address; the secret is shown only now."""
    _show(_webhooks(context, workspace).create(name, url, kinds=kinds), as_yaml=as_yaml)


@command.command()
@_about_one
def show(context: click.Context, /, *, name: str, workspace: str | None, as_yaml: bool) -> None:
    """Show a webhook."""
    _show(_webhooks(context, workspace).show(name), as_yaml=as_yaml)


@command.command()
@_about_one
def delete(context: click.Context, /, *, name: str, workspace: str | None, as_yaml: bool) -> None:
    """Remove a webhook, and what it was sent."""
    del as_yaml
    _webhooks(context, workspace).delete(name)


@command.command()
@_about_one
def enable(context: click.Context, /, *, name: str, workspace: str | None, as_yaml: bool) -> None:
    """Let a webhook get events again; replay what it missed."""
    _show(_webhooks(context, workspace).enable(name), as_yaml=as_yaml)


@command.command()
@click.option("--reason", default="", help="For those who ask why.")
@_about_one
def disable(
    context: click.Context, /, *, name: str, workspace: str | None, reason: str, as_yaml: bool
) -> None:
    """Let a webhook get nothing more."""
    changed = _webhooks(context, workspace).enable(name, enabled=False, reason=reason)
    _show(changed, as_yaml=as_yaml)


@command.command()
@_about_one
def test(context: click.Context, /, *, name: str, workspace: str | None, as_yaml: bool) -> None:
    """Send a message that is about nothing; `deliveries` says what comes of it."""
    _print_deliveries([_webhooks(context, workspace).test(name)], as_yaml=as_yaml)


@command.command()
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True)
@_about_one
def deliveries(
    context: click.Context, /, *, name: str, workspace: str | None, limit: int, as_yaml: bool
) -> None:
    """List what a webhook was sent or is to be, newest first."""
    found = islice(_webhooks(context, workspace).deliveries(name), limit)
    _print_deliveries(list(found), as_yaml=as_yaml)


@command.command()
@click.option("--delivery", type=int, metavar="ID", help="Only this message.")
@click.option("--after", metavar="CURSOR", help="All that happened after it.")
@_about_one
def replay(
    context: click.Context,
    /,
    *,
    name: str,
    workspace: str | None,
    delivery: int | None,
    after: str | None,
    as_yaml: bool,
) -> None:
    """Send messages again, with the same ids."""
    del as_yaml
    webhooks = _webhooks(context, workspace)
    done = webhooks.replay(name, WebhookReplay(delivery=delivery, after=after))
    count = done.count
    while done.more:
        done = webhooks.replay(name, WebhookReplay(after=done.cursor))
        count += done.count
    click.echo(f"{count} will be sent")


def _print_deliveries(found: list[WebhookDelivery], *, as_yaml: bool) -> None:
    if as_yaml:
        print_yaml([plain(delivery) for delivery in found])
        return
    rows = [
        (str(each.id), each.cursor or "", each.kind, str(each.tries), _outcome(each))
        for each in found
    ]
    print_table(("ID", "Cursor", "Event", "Tries", "State"), rows)


def _outcome(delivery: WebhookDelivery) -> str:
    if delivery.due_at is not None:
        when = delivery.due_at.strftime("%Y-%m-%d %H:%M:%S")
        return f"due at {when}" + (f", {delivery.error}" if delivery.error else "")
    if delivery.error:
        return f"given up: {delivery.error}"
    return "delivered"
