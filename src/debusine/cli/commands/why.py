# SPDX-License-Identifier: GPL-3.0-or-later
"""``debusine why``: say why a work request waits."""

from __future__ import annotations

import click

from debusine.cli.connection import connect
from debusine.cli.holding import hold_text
from debusine.cli.output import plain, print_yaml, remember_format
from debusine.domain.work_request import WorkRequestStatus
from debusine.errors import NotPossibleError
from debusine.wire.work_request import Waiting

EXAMPLES = """
Examples:

\b
  debusine why 12
  debusine why 12 --yaml
"""


@click.command("why", epilog=EXAMPLES)
@click.argument("work_request_id", metavar="ID", type=int)
@click.option(
    "--yaml", "as_yaml", is_flag=True, help="Print YAML, errors too.", callback=remember_format
)
@click.pass_context
def command(context: click.Context, /, *, work_request_id: int, as_yaml: bool) -> None:
    """
    Say why a work request waits: for whom, for what, until when.

    What weighs most comes first. Of one that runs or has ended, that is said.
    """
    client = connect(context).client
    # asked first, so that one that is not there is not taken for a server that does not tell
    client.work_request_get(work_request_id)
    waiting = client.work_request_waiting(work_request_id)
    if as_yaml:
        print_yaml(plain(waiting))
        return
    for line in lines(work_request_id, waiting):
        click.echo(line)
    if (text := hold_text(client.holds.get(work_request_id))) is not None:
        click.echo(f"Of work request {work_request_id}, {text}")


def lines(work_request_id: int, waiting: Waiting) -> list[str]:
    """
    Say it for people.

    :raises NotPossibleError: if the server does not know

    >>> from debusine.wire.work_request import WaitingCause
    >>> cause = WaitingCause(code="running", text="it runs on build-3")
    >>> lines(12, Waiting(status="running", causes=[cause]))
    ['Work request 12 does not wait: it runs on build-3.']
    """
    if waiting.status is None:
        raise NotPossibleError(
            "this server does not say why work requests wait",
            resolution="It is a server of others, or an older one.",
        )
    texts = [cause.text for cause in waiting.causes]
    if waiting.status not in {WorkRequestStatus.PENDING, WorkRequestStatus.BLOCKED}:
        return [f"Work request {work_request_id} does not wait: {'; '.join(texts)}."]
    return [f"Work request {work_request_id} waits:", *(f"  - {text}" for text in texts)]
