# SPDX-License-Identifier: GPL-3.0-or-later
"""``debusine task-type``: what tasks there are, and what they take."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import click
from pydantic import BaseModel

from debusine.cli.connection import running_server
from debusine.cli.context import Globals
from debusine.cli.output import plain, print_table, print_yaml, remember_format
from debusine.client.task_type import TaskTypesOfServer
from debusine.domain.work_request import TaskTypes
from debusine.errors import NotFoundError
from debusine.tasks.task_type import describe, find_kind, summarise_all
from debusine.wire.task_type import TaskField, TaskTypeInput, TaskTypeRecord

log = logging.getLogger(__name__)

T = TypeVar("T")

EXAMPLES = """
Examples:

\b
  debusine task-type list
  debusine task-type show lintian
  debusine task-type show sbuild --yaml
  debusine task-type show noop --example | debusine work-request create noop
"""

_yaml = click.option(
    "--yaml", "as_yaml", is_flag=True, help="Print YAML, errors too.", callback=remember_format
)
_json = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON, errors too.", callback=remember_format
)
_WIDTH = 96


@click.group("task-type", epilog=EXAMPLES)
def command() -> None:
    """
    See what tasks there are, and what they take.

    The server that is configured, or runs here, says what it knows. Without one, it is
    what this program knows.
    """


@command.command("list")
@_yaml
@_json
@click.pass_context
def list_(context: click.Context, /, *, as_yaml: bool, as_json: bool) -> None:
    """List the kinds of tasks."""
    found = _ask(context, lambda server: server.all(), summarise_all)
    if _is_printed(found, as_yaml=as_yaml, as_json=as_json):
        return
    rows = [(one.name, one.task_type.value, str(one.version or ""), one.summary) for one in found]
    print_table(("Task", "Type", "Version", "What it does"), rows)


@command.command()
@click.argument("name", metavar="NAME")
@click.option(
    "--type",
    "task_type",
    type=click.Choice([each.value for each in TaskTypes], case_sensitive=False),
    help="If there are several of the name; default: that of workers.",
)
@click.option("--example", is_flag=True, help="Print only the example of its data, in YAML.")
@_yaml
@_json
@click.pass_context
def show(
    context: click.Context,
    /,
    *,
    name: str,
    task_type: str | None,
    example: bool,
    as_yaml: bool,
    as_json: bool,
) -> None:
    """Show what a task takes and how it ends, with an example."""
    wanted = None if task_type is None else TaskTypes(task_type)
    found = _ask(
        context,
        lambda server: server.get(name, wanted),
        lambda: describe(find_kind(name, wanted)),
    )
    if example:
        click.echo(found.example, nl=False)
    elif not _is_printed(found, as_yaml=as_yaml, as_json=as_json):
        _print(found)


def _ask(
    context: click.Context, server: Callable[[TaskTypesOfServer], T], here: Callable[[], T]
) -> T:
    """
    Ask the server; without one, or where it does not tell, this program.

    :raises NotFoundError: if there is no such task
    """
    connection = running_server(context.find_object(Globals) or Globals(), None)
    if connection is None:
        return here()
    known = TaskTypesOfServer(transport=connection.client.transport)
    try:
        return server(known)
    except NotFoundError:
        if _tells(known):
            raise
    log.info("This server does not describe its tasks: this is what the program here knows.")
    return here()


def _tells(known: TaskTypesOfServer) -> bool:
    """Whether a server describes tasks at all: older ones and those of others do not."""
    try:
        known.all()
    except NotFoundError:
        return False
    return True


def _is_printed(found: BaseModel | Sequence[BaseModel], *, as_yaml: bool, as_json: bool) -> bool:
    """Print for programs, if that is wanted."""
    document: Any = plain(found) if isinstance(found, BaseModel) else [plain(one) for one in found]
    if as_yaml:
        print_yaml(document)
    elif as_json:
        click.echo(json.dumps(document, indent=2))
    return as_yaml or as_json


def _print(found: TaskTypeRecord) -> None:
    version = "" if found.version is None else f", version {found.version}"
    click.echo(f"{found.name} (task of type {found.task_type.value}{version})\n")
    click.echo(_wrap(found.summary + "."))
    for text in (found.description, found.limits):
        if text:
            click.echo(f"\n{_wrap(text)}")
    _section("Data", (line for field in found.fields for line in _about_field(field)))
    _section("Looked up", (line for one in found.inputs for line in _about_input(one)))
    _section("Results", (line for r in found.results for line in _item(r.result.value, r.meaning)))
    _section("Example", (f"  {line}" for line in found.example.splitlines()))


def _section(title: str, lines: Iterator[str]) -> None:
    """Print a part with a heading, unless there is nothing in it."""
    text = "\n".join(lines)
    if text:
        click.echo(f"\n{click.style(f'{title}:', bold=True)}\n{text}")


def _about_field(field: TaskField) -> Iterator[str]:
    default = "required" if field.required else f"default {json.dumps(field.default)}"
    yield from _item(field.path, f"{field.type}; {default}")
    said = "; ".join(part for part in (field.meaning, *field.limits) if part)
    if said:
        yield _wrap(said, indent=6)


def _about_input(one: TaskTypeInput) -> Iterator[str]:
    what = " or ".join(one.categories) or "a value"
    where = f" named by {one.field}" if one.field else ""
    yield from _item(one.label, f"{what}{where}")
    if one.help_text:
        yield _wrap(one.help_text, indent=6)


def _item(name: str, text: str) -> Iterator[str]:
    yield _wrap(f"{name}: {text}", indent=2)


def _wrap(text: str, *, indent: int = 0) -> str:
    first, rest = " " * indent, " " * (indent + (4 if indent == 2 else 0))  # noqa: PLR2004
    return click.formatting.wrap_text(text, _WIDTH, first, rest, preserve_paragraphs=True)
