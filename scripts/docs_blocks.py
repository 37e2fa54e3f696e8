# SPDX-License-Identifier: GPL-3.0-or-later
"""
Parts of pages that are made from the code.

A page marks them: ``<!-- fields MODULE:CLASS -->`` to ``<!-- /fields -->``. Between the
marks, ``make docs`` writes what the code says.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import docs_permissions
import docs_tasks
from docs_fields import field_table, meanings_of
from docs_python import reference

from debusine.tasks.task_type import TaskKind

HTTP_METHODS = ("get", "post", "put", "patch", "delete")
HELP_WIDTH = 96
_BLOCK = re.compile(
    r"<!-- (?P<name>[a-z]+)(?: (?P<argument>[^>\n]*))? -->\n(?P<text>.*?)<!-- /(?P=name) -->",
    re.DOTALL,
)

Generator = Callable[[Path, str, str], str]


def fill(page: Path, text: str) -> str:
    """Text of a page with all its marked parts made anew."""

    def replace(match: re.Match[str]) -> str:
        argument = match["argument"] or ""
        made = GENERATORS[match["name"]](page, argument, match["text"])
        head = f"<!-- {match['name']} {argument}".rstrip()
        inner = f"\n{made.strip()}\n\n" if made.strip() else ""
        return f"{head} -->\n{inner}<!-- /{match['name']} -->"

    return _BLOCK.sub(replace, text)


def _load(name: str) -> Any:
    """Import ``MODULE:NAME``."""
    module, _, attribute = name.partition(":")
    return getattr(importlib.import_module(module), attribute)


def _fields(_page: Path, argument: str, old: str) -> str:
    """Table of a model's fields; ``flat`` leaves models in them out."""
    name, _, options = argument.partition(" ")
    return field_table(_load(name), written=meanings_of(old), nested=options != "flat")


def _endpoints(_page: Path, argument: str, _old: str) -> str:
    """Table of the endpoints in one file of ``debusine.api.endpoints``."""
    rows = ["| method | path | does |", "|---|---|---|"]
    for path, operations in _load("debusine.api.app:api").get_openapi_schema()["paths"].items():
        for method in HTTP_METHODS:
            operation = operations.get(method)
            if operation is not None and argument in operation.get("tags", ()):
                says = operation.get("description") or operation.get("summary", "")
                what = says.partition("\n\n")[0].replace("\n", " ").replace("|", "\\|")
                rows.append(f"| {method.upper()} | `{path}` | {what} |")
    return "\n".join(rows)


def _commands(_page: Path, argument: str, _old: str) -> str:
    """What ``--help`` says, of a program and of all its commands."""
    location, _, name = argument.partition(" ")
    return "\n\n".join(_help(name, _load(location), None, level=2))


def _help(
    name: str, command: click.Command, parent: click.Context | None, *, level: int
) -> Iterator[str]:
    context = click.Context(
        command,
        info_name=name,
        parent=parent,
        terminal_width=HELP_WIDTH,
        max_content_width=HELP_WIDTH,
        **command.context_settings,
    )
    text = "\n".join(line.rstrip() for line in command.get_help(context).splitlines())
    yield f"{'#' * level} {context.command_path}\n\n```text\n{text}\n```"
    if isinstance(command, click.Group):
        for each in command.list_commands(context):
            child = command.get_command(context, each)
            assert child is not None
            yield from _help(each, child, context, level=min(level + 1, 4))


def _pages(page: Path, _argument: str, _old: str) -> str:
    """List of the other pages in the folder: title and first sentence."""
    return "\n".join(
        f"- [{title}]({other.name}): {sentence}"
        for other in sorted(page.parent.glob("*.md"))
        if other != page
        for title, sentence in [_title_and_sentence(other)]
    )


def _title_and_sentence(page: Path) -> tuple[str, str]:
    """Title of a page, and the first sentence of what is neither heading nor date."""
    title, *parts = page.read_text().split("\n\n")
    words = next(part for part in parts if not part.startswith(("#", "Date: ")))
    first = re.split(r"(?<=[.:?])\s", re.sub(r"\s+", " ", words))[0]
    return title.lstrip("# "), first.rstrip(".:")


def _python(_page: Path, argument: str, _old: str) -> str:
    """Signature and docstring of ``MODULE:NAME``; protected members are named after it."""
    name, *more_members = argument.split()
    return reference(name, more_members)


def _of_task(generate: Callable[[TaskKind], str]) -> Generator:
    """Make a part of a page of what the file of a task says; it names ``MODULE:CLASS``."""
    return lambda _page, argument, _old: generate(_load(argument))


def _of_table(generate: Callable[[], str]) -> Generator:
    """Make a part of a page of a table in the code; there is one of each."""
    return lambda _page, _argument, _old: generate()


GENERATORS: dict[str, Generator] = {
    "fields": _fields,
    "endpoints": _endpoints,
    "commands": _commands,
    "pages": _pages,
    "python": _python,
    "example": _of_task(docs_tasks.example),
    "inputs": _of_task(docs_tasks.inputs),
    "limits": _of_task(docs_tasks.limits),
    "permissions": _of_table(docs_permissions.permissions),
    "roles": _of_table(docs_permissions.roles),
    "surroundings": _of_table(docs_permissions.surroundings),
    "results": _of_task(docs_tasks.results),
}
