# SPDX-License-Identifier: GPL-3.0-or-later
"""``debusine work-request``: ask for work, watch it, stop it, try it again."""

from __future__ import annotations

import logging
from itertools import islice
from pathlib import Path

import click

from debusine.cli.building.report import program_name
from debusine.cli.connection import Connection, connect
from debusine.cli.data import read_data, read_mapping
from debusine.cli.follow import watch
from debusine.cli.holding import hold_text, kept_text
from debusine.cli.output import plain, print_table, print_yaml, remember_format
from debusine.cli.progress import Screen
from debusine.cli.verdict import Verdict, first_message, messages, verdict_of
from debusine.domain.hold import HoldState
from debusine.domain.why import WaitingCode
from debusine.wire.attempt import AttemptRecord
from debusine.wire.base import JsonObject
from debusine.wire.hold import HoldRecord
from debusine.wire.tags import WorkRequestTags
from debusine.wire.work_request import (
    ReusedWorkRequest,
    Waiting,
    WorkRequest,
    WorkRequestCreate,
    WorkRequestOutcome,
)

log = logging.getLogger(__name__)

yaml_option = click.option(
    "--yaml", "as_yaml", is_flag=True, help="Print YAML, errors too.", callback=remember_format
)

EXAMPLES = """
Examples:

\b
  debusine work-request list --limit 5
  debusine work-request show 12 --yaml
  echo '{result: success}' | debusine work-request create noop
  debusine work-request follow 12
"""


@click.group("work-request", epilog=EXAMPLES)
def command() -> None:
    """Ask for work, watch it, stop it, try it again."""


@command.command("list")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True)
@click.option("-w", "--workspace", hidden=True, help="Accepted as older programs did.")
@yaml_option
@click.pass_context
def list_(context: click.Context, /, *, limit: int, workspace: str | None, as_yaml: bool) -> None:
    """List work requests, newest first."""
    del workspace
    found = list(islice(connect(context).client.work_request_list(), limit))
    if as_yaml:
        print_yaml([plain(request) for request in found])
        return
    rows = [
        (str(r.id), r.task_name, r.status.value, r.result.value, str(r.worker or "")) for r in found
    ]
    print_table(("ID", "Task", "Status", "Result", "Worker"), rows)


@command.command()
@click.argument("work_request_id", metavar="ID", type=int)
@yaml_option
@click.pass_context
def show(context: click.Context, /, *, work_request_id: int, as_yaml: bool) -> None:
    """Show a work request with its artifacts."""
    connection = connect(context)
    client = connection.client
    request = client.work_request_get(work_request_id)
    why = client.work_request_outcome(work_request_id)
    tags = client.work_request_tags(work_request_id)
    attempts = client.work_request_attempts(work_request_id)
    hold = client.holds.get(work_request_id)
    artifacts = [client.artifact_get(number) for number in request.artifacts]
    if as_yaml:
        more = {"artifacts": [plain(artifact) for artifact in artifacts]}
        print_yaml(
            plain(request)
            | more
            | ({"outcome": plain(why)} if why.blame else {})
            | {"attempts": [plain(attempt) for attempt in attempts]}
            | {"tags": plain(tags)}
            | ({"hold": plain(hold)} if hold.state is not HoldState.NONE else {})
        )
        return
    _print(request, connection, why, hold)
    if attempt_rows := [row for attempt in attempts for row in rows_of_attempt(attempt)]:
        click.echo()
        print_table(("Attempt", "Worker", "Outcome", "Why, and what came next"), attempt_rows)
    if tags_rows := tag_rows(tags):
        click.echo()
        print_table(("Tags", "Said by", "Tag"), tags_rows)
    if artifacts:
        rows = [(str(a.id), a.category, ", ".join(a.files)) for a in artifacts]
        click.echo()
        print_table(("Artifact", "Category", "Files"), rows)


@command.command()
@click.argument("task_name", metavar="TASK")
@click.option("--data", metavar="FILE", default="-", help="Task data in YAML. [default: stdin]")
@click.option(
    "--event-reactions",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="YAML file: what to do when something happens to the request.",
)
@click.option("-w", "--workspace", metavar="NAME", help="Instead of the configured one.")
@click.option("--reuse", is_flag=True, help="Take the result of one that did the very same.")
@yaml_option
@click.pass_context
def create(
    context: click.Context,
    /,
    *,
    task_name: str,
    data: str,
    event_reactions: Path | None,
    workspace: str | None,
    reuse: bool,
    as_yaml: bool,
) -> None:
    """Ask for work."""
    given: JsonObject = read_data(data)
    reactions = read_mapping(event_reactions.read_text()) if event_reactions else {}
    connection = connect(context)
    wanted = WorkRequestCreate(
        task_name=task_name,
        task_data=given,
        workspace=workspace or connection.workspace,
        **({"event_reactions": reactions} if reactions else {}),
        # other servers refuse what they do not know
        **({"reuse": True} if reuse else {}),
    )
    request = connection.client.work_request_create(wanted)
    where = connection.pages.where(request.url, program=program_name())
    if not request.status.is_final:
        _say_what_it_waits_for(connection.client.work_request_waiting(request.id))
    if not as_yaml:
        click.echo(f"Work request started: {where}")
        _print(request, connection)
        return
    log.info("Work request started: %s", where)
    if data == "-":
        # the answer is a document of its own after what a person typed
        click.echo("---")
    print_yaml(plain(request))


def _say_what_it_waits_for(waiting: Waiting) -> None:
    """Warn of what no worker ever offered; name delays."""
    if waiting.warning:
        log.warning("Warning: %s", waiting.warning)
    for cause in waiting.causes:
        if cause.code is WaitingCode.DELAY:
            log.info("It waits: %s", cause.text)


@command.command()
@click.argument("work_request_id", metavar="ID", type=int)
@yaml_option
@click.pass_context
def retry(context: click.Context, /, *, work_request_id: int, as_yaml: bool) -> None:
    """Try an unsuccessful work request again."""
    del as_yaml
    connection = connect(context)
    request = connection.client.work_request_retry(work_request_id)
    where = connection.pages.where(request.url, program=program_name())
    log.info("Work request started: %s", where)
    if not request.status.is_final:
        _say_what_it_waits_for(connection.client.work_request_waiting(request.id))


@command.command()
@click.argument("work_request_id", metavar="ID", type=int)
@yaml_option
@click.pass_context
def abort(context: click.Context, /, *, work_request_id: int, as_yaml: bool) -> None:
    """Stop a work request that has not ended."""
    del as_yaml
    connect(context).client.work_request_abort(work_request_id)


@command.command()
@click.argument("work_request_id", metavar="ID", type=int)
@click.pass_context
def follow(context: click.Context, /, *, work_request_id: int) -> int:
    """
    Show the log as it is written; the exit status is that of `debusine build`.

    Ctrl-C stops the work request.
    """
    client = connect(context).client
    screen = Screen()
    request = watch(client, work_request_id, screen)
    verdict = verdict_of(request)
    message = None
    if verdict is not Verdict.SUCCESS:
        message = first_message(client.work_request_outcome(work_request_id))
    screen.step(f"work request {work_request_id}: {verdict}" + (f", {message}" if message else ""))
    if (kept := kept_text(client.holds, work_request_id)) is not None:
        screen.note(kept)
    return verdict.exit_status


def _print(
    request: WorkRequest,
    connection: Connection,
    why: WorkRequestOutcome | None = None,
    hold: HoldRecord | None = None,
) -> None:
    shown = plain(request)
    shown["url"] = connection.pages.where(request.url, program=program_name())
    names = (
        "id", "url", "task_type", "task_name", "workspace", "status", "result", "worker",
        "created_at", "started_at", "completed_at", "duration", "artifacts",
    )  # fmt: skip
    rows = [(name, str(shown[name])) for name in names if shown[name] not in (None, "", [])]
    if isinstance(request, ReusedWorkRequest) and request.reused_from is not None:
        rows.append(("taken from", request.reused_from.label))
    if why is not None and why.blame is not None:
        rows += [("why", message) for message in messages(why)]
        rows.append(("to blame", why.blame.label))
    if hold is not None and (text := hold_text(hold)) is not None:
        rows.append(("environment", text))
    print_table(("Field", "Value"), rows)


def rows_of_attempt(attempt: AttemptRecord) -> list[tuple[str, str, str, str]]:
    """What happened, and below it what came next; nothing of one that went well or runs."""
    words = [*attempt.reason.splitlines(), attempt.next_step]
    said = [word for word in words if word]
    if not said:
        return []
    first = (str(attempt.number), attempt.worker or "", attempt.outcome, said[0])
    return [first, *(("", "", "", word) for word in said[1:])]


def tag_rows(tags: WorkRequestTags) -> list[tuple[str, str, str]]:
    """Tags in the order of people's questions: what is asked for, what there is."""
    sets = [("required by the task", tags.required), ("provided by the task", tags.provided)]
    if tags.worker is not None:
        name = tags.worker.name
        sets += [(f"required by {name}", tags.worker.required)]
        sets += [(f"provided by {name}", tags.worker.provided)]
    return [(label, by, tag) for label, found in sets for by in found for tag in found[by]]
