# SPDX-License-Identifier: GPL-3.0-or-later
"""What commands print: text for people, YAML or JSON for programs, errors in one place."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from enum import StrEnum
from typing import TextIO

import click
import yaml
from pydantic import BaseModel
from rich.console import Console
from rich.table import Table
from rich.text import Text
from typing_extensions import override

from debusine.errors import DebusineError
from debusine.wire.base import JsonObject

FORMAT_KEY = "debusine.format"
ERROR_STATUS_KEY = "debusine.error-status"
DEFAULT_ERROR_STATUS = 3


class Format(StrEnum):
    """How a command answers."""

    TEXT = "text"
    YAML = "yaml"
    JSON = "json"


class _Dumper(yaml.SafeDumper):
    """Writes strings of several lines as blocks."""

    @override
    def ignore_aliases(self, data: object) -> bool:
        return True


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)


def to_yaml(value: object) -> str:
    """
    Write a value as YAML, keys in their own order.

    >>> print(to_yaml({"b": 1, "a": [True]}), end="")
    b: 1
    a:
    - true
    """
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True)


def plain(model: BaseModel) -> JsonObject:
    """All fields of a record as JSON values, in their order."""
    return model.model_dump(mode="json")


def print_yaml(value: object) -> None:
    """Print a document on standard output."""
    click.echo(to_yaml(value), nl=False)


def make_console(stream: TextIO | None = None) -> Console:
    """
    A console that colours only on a terminal, and wraps nowhere else.

    :param stream: standard output if None
    """
    stream = stream or sys.stdout
    console = Console(file=stream, highlight=False, soft_wrap=not stream.isatty())
    if not stream.isatty():
        console = Console(file=stream, highlight=False, soft_wrap=True, width=10_000)
    return console


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table on standard output; text from elsewhere is shown as it is."""
    table = Table(*columns, box=None, header_style="bold", pad_edge=False)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    make_console().print(table)


def error_document(error: DebusineError) -> JsonObject:
    """An error as documents show it: ``title``, ``detail``, ``validation_errors``."""
    detail = "\n".join(part for part in (error.details, error.resolution) if part)
    document: JsonObject = {"title": error.brief}
    if detail:
        document["detail"] = detail
    if error.validation_errors:
        document["validation_errors"] = error.validation_errors
    return {"result": "failure", "error": document}


def print_error(error: DebusineError, format_: Format = Format.TEXT) -> None:
    """Show an error once: as a document on standard output, or for people on standard error."""
    match format_:
        case Format.YAML:
            print_yaml(error_document(error))
        case Format.JSON:
            click.echo(json.dumps(error_document(error), indent=2))
        case Format.TEXT:
            click.echo(click.style("Error: ", fg="red", bold=True) + error.brief, err=True)
            if error.details:
                click.echo(error.details, err=True)
            if error.validation_errors:
                click.echo(json.dumps(error.validation_errors, indent=2), err=True)
            if error.resolution:
                click.echo(click.style(error.resolution, bold=True), err=True)


def remember_format(context: click.Context, parameter: click.Parameter, value: bool) -> bool:
    """Let errors appear in the format of the command; the callback of ``--yaml`` and ``--json``."""
    if value:
        name = (parameter.name or "").removeprefix("as_")
        context.find_root().meta[FORMAT_KEY] = Format(name)
    return value
