# SPDX-License-Identifier: GPL-3.0-or-later
"""Change a .changes file before it is signed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from debian import deb822

from debusine.artifacts.deb822 import read_changes
from debusine.errors import UserError
from debusine.util.files import write_atomically


def add_fields(path: Path, fields: Mapping[str, str]) -> None:
    """
    Set fields of a .changes; a signature around it goes, as it would be wrong.

    :param fields: values are single lines; fields that are there are replaced
    :raises UserError: if the file is malformed, or a value has more than one line
    """
    read_changes(path)
    with path.open("rb") as file:
        changes = deb822.Changes(file)
    for name, value in fields.items():
        if len(value.splitlines()) != 1:
            raise UserError(f"{path.name}: value for {name} must be one line")
        changes[name] = value
    write_atomically(path, changes.dump().encode())
