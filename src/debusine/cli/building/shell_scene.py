# SPDX-License-Identifier: GPL-3.0-or-later
"""Where and how a build ran, as its log tells."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

MAX_LINES = 200_000
MAX_LINE_CHARS = 64 * 1024
DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/games"

_PLACE = re.compile(
    r"^I: NOTICE: Log filtering will replace"
    r" '(?P<path>build/[\w+~-][\w.+~-]*/[\w+~-][\w.+~-]*)' with '<<PKGBUILDDIR>>'$"
)
_ENVIRONMENT = "User Environment"
_COMMAND = "Command: "
_VARIABLE = re.compile(r"^([A-Za-z_][A-Za-z0-9_]*)=(.*)$")
# about the shell that printed them, or about files that only sbuild makes
_PASSED_OVER = frozenset({"APT_CONFIG", "OLDPWD", "PWD", "SHELL", "SHLVL", "_"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Scene:
    """
    Where and how a build ran.

    :param directory: of the unpacked source
    :param variables: its environment
    :param command: what built the package; None if it did not come to that
    """

    directory: Path
    variables: dict[str, str] = field(default_factory=dict)
    command: str | None = None


def read_scene(lines: Iterable[str], *, name: str, version: str) -> Scene:
    """
    Find out from a log of sbuild how a build ran.

    What the package's own code may have printed comes later and does not count.

    :param name: of the source package
    :param version: of it, without epoch
    """
    directory = Path("/build", name, f"{name}-{version.rpartition('-')[0] or version}")
    variables = {"LC_ALL": "C.UTF-8", "PATH": DEFAULT_PATH}
    command: str | None = None
    found: dict[str, str] | None = None
    is_placed = False
    for raw in islice(lines, MAX_LINES):
        line = raw.rstrip("\n")[:MAX_LINE_CHARS]
        if not is_placed and (match := _PLACE.match(line)):
            directory, is_placed = Path("/", match["path"]), True
        elif found is None:
            found = {} if line == _ENVIRONMENT else None
        elif line.startswith(_COMMAND):
            command = line.removeprefix(_COMMAND)
            break
        elif match := _VARIABLE.match(line):
            found[match[1]] = match[2].replace("/<<PKGBUILDDIR>>", str(directory))
    kept = {key: value for key, value in (found or {}).items() if key not in _PASSED_OVER}
    return Scene(directory=directory, variables={**variables, **kept}, command=command)


def read_log(log: Path | None, *, name: str, version: str) -> Scene:
    """
    The same from a file.

    :param log: None if there is none
    """
    if log is None or not log.is_file():
        return read_scene([], name=name, version=version)
    with log.open(encoding="utf-8", errors="replace") as file:
        return read_scene(file, name=name, version=version)
