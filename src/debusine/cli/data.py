# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the YAML that users give as data."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import yaml

from debusine.errors import UserError
from debusine.wire.base import JsonObject


def read_data(name: str) -> JsonObject:
    """
    Read a mapping.

    :param name: a file, or ``-`` for standard input, where nothing means no data
    :raises UserError: if it is no YAML, or no mapping
    :raises click.UsageError: if the file cannot be read
    """
    if name == "-":
        text = sys.stdin.read()
        return read_mapping(text) if text.strip() else {}
    try:
        return read_mapping(Path(name).read_text(encoding="utf-8"))
    except OSError as error:
        raise click.UsageError(f"cannot read {name}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise click.UsageError(f"cannot read {name}: {error}") from error


def read_mapping(text: str) -> JsonObject:
    """
    Read a YAML mapping.

    :raises UserError: if it is no YAML, or no mapping

    >>> read_mapping("result: success")
    {'result': 'success'}
    """
    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise UserError("the data is no YAML", details=str(error)) from error
    if not isinstance(data, dict):
        raise UserError("the data must be a YAML mapping, such as: result: success")
    return data
