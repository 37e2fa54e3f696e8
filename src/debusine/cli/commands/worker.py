# SPDX-License-Identifier: GPL-3.0-or-later
"""``debusine worker``: see who works, drain, enable and disable workers."""

from __future__ import annotations

import click

from debusine.cli.connection import connect
from debusine.cli.output import plain, print_table, print_yaml, remember_format
from debusine.wire.worker_care import WorkerRecord

MAX_REASON = 200
yaml_option = click.option(
    "--yaml", "as_yaml", is_flag=True, help="Print YAML, errors too.", callback=remember_format
)

EXAMPLES = """
Examples:

\b
  debusine worker list
  debusine worker drain build-3 --reason "new disk on Monday"
  debusine worker enable build-3
"""


def _check_length(context: click.Context, parameter: click.Parameter, value: str) -> str:
    """
    Refuse what the server would not take.

    :raises click.BadParameter: if a text is too long
    """
    del context, parameter
    if len(value) > MAX_REASON:
        raise click.BadParameter(f"at most {MAX_REASON} characters")
    return value


@click.group("worker", epilog=EXAMPLES)
def command() -> None:
    """See who works, drain, enable and disable workers; for administrators."""


@command.command("list")
@yaml_option
@click.pass_context
def list_(context: click.Context, /, *, as_yaml: bool) -> None:
    """List all workers: how they stand, and what they run."""
    _print(connect(context).client.workers.all(), as_yaml=as_yaml)


@command.command()
@click.argument("name")
@click.option(
    "--reason",
    default="",
    metavar="TEXT",
    callback=_check_length,
    help="For those who wonder why.",
)
@yaml_option
@click.pass_context
def drain(context: click.Context, /, *, name: str, reason: str, as_yaml: bool) -> None:
    """Let a worker finish what it runs, and give it nothing new."""
    _print([connect(context).client.workers.drain(name, reason=reason)], as_yaml=as_yaml)


@command.command()
@click.argument("name")
@yaml_option
@click.pass_context
def enable(context: click.Context, /, *, name: str, as_yaml: bool) -> None:
    """Let a worker work that is new, was drained or was disabled."""
    _print([connect(context).client.workers.enable(name)], as_yaml=as_yaml)


@command.command()
@click.argument("name")
@yaml_option
@click.pass_context
def disable(context: click.Context, /, *, name: str, as_yaml: bool) -> None:
    """Disconnect a worker at once; others may do what it runs."""
    _print([connect(context).client.workers.disable(name)], as_yaml=as_yaml)


def _print(workers: list[WorkerRecord], *, as_yaml: bool) -> None:
    if as_yaml:
        print_yaml([plain(worker) for worker in workers])
        return
    rows = [
        (
            one.name,
            one.worker_type,
            one.state.value,
            f"{len(one.running)} of {one.slots}",
            _memory(one),
            ", ".join(map(str, one.running)),
            one.version,
            one.problem or one.drain_reason,
        )
        for one in workers
    ]
    columns = ("Name", "Type", "State", "Slots", "Memory", "Running", "Version", "Remark")
    print_table(columns, rows)


def _memory(worker: WorkerRecord) -> str:
    """How much is reserved of what it offers; empty if it is not limited."""
    offered = worker.offered.memory_mib
    if offered is None:
        return ""
    return f"{(worker.reserved.memory_mib or 0) / 1024:.1f} of {offered / 1024:.1f} GiB"
