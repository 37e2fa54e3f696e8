# SPDX-License-Identifier: GPL-3.0-or-later
"""``debusine share``: who has had how much of the workers, and who may have more."""

from __future__ import annotations

import click

from debusine.cli.connection import connect
from debusine.cli.output import plain, print_table, print_yaml, remember_format
from debusine.domain.fair_share import MAX_WEIGHT, MIN_WEIGHT
from debusine.errors import UserError
from debusine.wire.share import ShareKind, ShareRecord, ShareUpdate

yaml_option = click.option(
    "--yaml", "as_yaml", is_flag=True, help="Print YAML, errors too.", callback=remember_format
)

EXAMPLES = """
Examples:

\b
  debusine share list
  debusine share set --user alice 2
  debusine share set --workspace debusine/System 0.5
"""


@click.group("share", epilog=EXAMPLES)
def command() -> None:
    """See and set what users and workspaces are entitled to."""


@command.command("list")
@yaml_option
@click.pass_context
def list_(context: click.Context, /, *, as_yaml: bool) -> None:
    """List shares: who has had how much of the workers lately."""
    _print(connect(context).client.shares.all(), as_yaml=as_yaml)


@command.command("set")
@click.argument("weight", type=click.FloatRange(MIN_WEIGHT, MAX_WEIGHT))
@click.option("--user", metavar="NAME", help="Whose share it is.")
@click.option("--workspace", metavar="SCOPE/NAME", help="Whose share it is.")
@yaml_option
@click.pass_context
def set_(
    context: click.Context,
    /,
    *,
    weight: float,
    user: str | None,
    workspace: str | None,
    as_yaml: bool,
) -> None:
    """
    Set a weight: who has twice the weight may have twice as much.

    Everybody has 1 unless you say otherwise. What waits already keeps its place.
    """
    wanted = _update(user=user, workspace=workspace, weight=weight)
    _print([connect(context).client.shares.set_weight(wanted)], as_yaml=as_yaml)


def _update(*, user: str | None, workspace: str | None, weight: float) -> ShareUpdate:
    """
    Say whose weight it is.

    :raises UserError: unless either a user or a workspace is named
    """
    if user is not None and workspace is None:
        return ShareUpdate(kind=ShareKind.USER, name=user, weight=weight)
    if workspace is not None and user is None:
        return ShareUpdate(kind=ShareKind.WORKSPACE, name=workspace, weight=weight)
    raise UserError("give either --user or --workspace")


def _print(shares: list[ShareRecord], *, as_yaml: bool) -> None:
    if as_yaml:
        print_yaml([plain(share) for share in shares])
        return
    rows = [(one.kind.value, one.name, f"{one.weight:g}", f"{one.used_s:.0f}") for one in shares]
    print_table(("Kind", "Name", "Weight", "Seconds had"), rows)
