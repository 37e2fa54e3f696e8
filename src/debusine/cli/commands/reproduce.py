# SPDX-License-Identifier: GPL-3.0-or-later
"""``debusine reproduce``: run a work request again on this machine."""

from __future__ import annotations

from pathlib import Path

import click

from debusine.artifacts.kinds.build_log import BuildLog
from debusine.artifacts.kinds.debug_logs import DebugLogs
from debusine.cli.connection import connect
from debusine.cli.progress import Screen
from debusine.cli.reproduction import (
    FileComparison,
    compare_files,
    describe_input,
    find_inputs,
    make_output,
    make_task,
    run_here,
)
from debusine.cli.verdict import messages
from debusine.client.debusine import Debusine
from debusine.client.local_agent import find_agent
from debusine.wire.reproduction import Reproduction, ReproductionOrder
from debusine.wire.work_request import (
    AssignedWorkRequest,
    OutputData,
    WorkRequest,
    WorkRequestOutcome,
)

EXAMPLES = """
Examples:

\b
  debusine reproduce 12
  debusine reproduce 12 --output /tmp/again
"""

STATUS_SAME = 0
STATUS_DIFFERENT = 1
# they say when and where something ran
LOGS = frozenset({str(BuildLog.category), str(DebugLogs.category)})


@click.command("reproduce", epilog=EXAMPLES)
@click.argument("work_request_id", metavar="ID", type=int)
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where what comes out goes. [default: reproduce-ID]",
)
@click.pass_context
def command(context: click.Context, /, *, work_request_id: int, output: Path | None) -> int:
    """
    Run a work request again on this machine, and compare.

    The same code runs with the same data, the same inputs and the same environment, which
    are fetched and verified by their hashes. Nothing changes on the server: what comes
    out stays here. The exit status is 0 if the result is the same, and 1 if it is not.
    """
    connection = connect(context)
    client, screen = connection.client, Screen()
    request = client.work_request_get(work_request_id)
    task = make_task(request)
    screen.step(f"reproducing work request {request.id}: {request.task_name}")
    for artifact in find_inputs(client, task):
        for line in describe_input(artifact):
            screen.note(line)
    agent = find_agent(client.base_api_url, data_dir=connection.data_dir)
    order = ReproductionOrder(
        request=AssignedWorkRequest(**dict(request), token=client.token or ""),
        api_url=client.base_api_url,
        user=agent.user,
        images=None if agent.images is None else str(agent.images),
        output=str(make_output(output or Path(f"reproduce-{request.id}"))),
    )
    return _compare(client, request, run_here(order, screen), screen, output=order.output)


def _compare(
    client: Debusine, request: WorkRequest, here: Reproduction, screen: Screen, *, output: str
) -> int:
    """Say how the runs differ; returns the exit status."""
    completed = here.completed
    screen.step(f"result here: {completed.result.value}")
    said = WorkRequestOutcome(errors=(completed.output_data or OutputData()).errors or [])
    for message in messages(said):
        screen.note(message)
    screen.note(f"what came out is in {output}")
    if not request.status.is_final:
        screen.note(f"work request {request.id} has not ended: there is nothing to compare with")
        return STATUS_SAME
    made = [client.artifact_get(number) for number in request.artifacts]
    _say_files(compare_files(made, here, ignored=LOGS), screen)
    if completed.result is request.result:
        screen.step(f"the same result as work request {request.id}")
        return STATUS_SAME
    screen.step(f"another result than work request {request.id}: {request.result.value} there")
    return STATUS_DIFFERENT


def _say_files(found: FileComparison, screen: Screen) -> None:
    if found.same:
        screen.note(f"files that are the same, byte for byte: {found.same}")
    for label, names in (
        ("different", found.different),
        ("made only there", found.only_there),
        ("made only here", found.only_here),
    ):
        if names:
            screen.note(f"{label}: {', '.join(sorted(names))}")
