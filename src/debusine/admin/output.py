# SPDX-License-Identifier: GPL-3.0-or-later
"""What commands print: columns for people, YAML for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import click
import yaml

yaml_option = click.option("--yaml", "as_yaml", is_flag=True, help="Print YAML.")


def print_records(records: Sequence[Mapping[str, object]], *, as_yaml: bool) -> None:
    """
    Print records of the same fields.

    :param records: values are text, numbers, lists of text, or None
    """
    if as_yaml:
        rows = [dict(record) for record in records]
        click.echo(yaml.safe_dump(rows, sort_keys=False, allow_unicode=True), nl=False)
        return
    if not records:
        return
    table = [list(records[0]), *([_text(value) for value in one.values()] for one in records)]
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
    for row in table:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo("  ".join(cells).rstrip())


def _text(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return " ".join(value)
    text = str(value)
    return text if text.isprintable() else repr(text)
