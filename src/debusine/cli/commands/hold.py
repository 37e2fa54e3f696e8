# SPDX-License-Identifier: GPL-3.0-or-later
"""``debusine hold``: keep the environment of a work request that fails."""

from __future__ import annotations

import time
from datetime import timedelta

import click

from debusine.cli.connection import connect
from debusine.cli.holding import hold_text
from debusine.cli.output import plain, print_yaml, remember_format
from debusine.client.hold import Holds
from debusine.domain.hold import HoldCondition, HoldState, parse_hold_duration
from debusine.errors import UpstreamError
from debusine.wire.hold import HoldRecord, HoldWanted

EXAMPLES = """
Examples:

\b
  debusine hold 12                   if it fails, for 30 minutes
  debusine hold 12 --for 2h          for longer; also while it is kept
  debusine hold 12 --retry           it has failed already: try it again first
  debusine hold 12 --release         end it now
"""
_PATIENCE_S = 30.0
_LOOK_S = 0.2


def _read_duration(_context: click.Context, _parameter: click.Parameter, value: str) -> timedelta:
    duration = parse_hold_duration(value)
    if duration is None:
        raise click.BadParameter(f"{value!r} is no time from 1m to 24h, such as 30m or 2h")
    return duration


@click.command("hold", epilog=EXAMPLES)
@click.argument("work_request_id", metavar="ID", type=int)
@click.option(
    "--for",
    "duration",
    metavar="TIME",
    default="30m",
    show_default=True,
    callback=_read_duration,
    help="How long, such as 90m or 2h.",
)
@click.option(
    "--on",
    "condition",
    type=click.Choice([condition.value for condition in HoldCondition]),
    default=HoldCondition.FAILURE.value,
    show_default=True,
    help="After which results.",
)
@click.option("--retry", is_flag=True, help="Try the failed request again, and hold that one.")
@click.option("--release", is_flag=True, help="End what is kept.")
@click.option(
    "--yaml", "as_yaml", is_flag=True, help="Print YAML, errors too.", callback=remember_format
)
@click.pass_context
def command(
    context: click.Context,
    /,
    *,
    work_request_id: int,
    duration: timedelta,
    condition: str,
    retry: bool,
    release: bool,
    as_yaml: bool,
) -> None:
    """
    Keep the environment of a work request for a while when it fails.

    The result is reported as always; the sandbox stays on its worker, for
    `debusine attach`. It ends after its time, when it is released, and when
    its worker stops.
    """
    _require_one(release=release, retry=retry)
    holds = connect(context).client.holds
    if release:
        record = _release(holds, work_request_id)
    else:
        wanted = HoldWanted(
            seconds=int(duration.total_seconds()), condition=HoldCondition(condition), retry=retry
        )
        record = holds.ask(work_request_id, wanted)
    if as_yaml:
        print_yaml(plain(record))
        return
    click.echo(f"Work request {record.work_request}: {hold_text(record)}")


def _require_one(*, release: bool, retry: bool) -> None:
    """
    Check that options do not contradict each other.

    :raises click.UsageError: if they do
    """
    if release and retry:
        raise click.UsageError("--release and --retry exclude each other")


def _release(holds: Holds, work_request_id: int) -> HoldRecord:
    """
    End it, and wait until it is gone.

    :raises UpstreamError: if its worker does not say so
    """
    record = holds.release(work_request_id)
    give_up_at = time.monotonic() + _PATIENCE_S
    while record.state is HoldState.HELD:
        if time.monotonic() > give_up_at:
            raise UpstreamError(
                f"worker {record.worker} does not say that the environment is gone",
                resolution="It ends at the latest after its time.",
            )
        time.sleep(_LOOK_S)
        record = holds.get(work_request_id)
    return record
