# SPDX-License-Identifier: GPL-3.0-or-later
"""Show what came of a build: a table for people, a document for programs."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.table import Table
from rich.text import Text

from debusine.cli.building.outcome import Outcome
from debusine.cli.pages import Pages
from debusine.cli.progress import Screen
from debusine.cli.verdict import Verdict, duration_text
from debusine.domain.result import Blame
from debusine.wire.base import JsonObject

_KIB = 1024
_PROGRAM = "debusine"
_LABEL_WIDTH = len("Environment page:")


def program_name(called: str | None = None) -> str:
    """
    Say how this program is called from where the user is.

    :param called: how the user called it; default: as the operating system says

    >>> program_name("nowhere/bin/debusine")
    'nowhere/bin/debusine'
    """
    path = Path(sys.argv[0] if called is None else called)
    found = shutil.which(_PROGRAM)
    # another program may have called us as a module
    if path.name != _PROGRAM or (found and path.exists() and path.samefile(found)):
        return _PROGRAM
    return str(path)


@dataclass(frozen=True, kw_only=True, slots=True)
class Epilogue:
    """
    How to go on.

    :param again: arguments of the call
    :param pages: of the server
    :param data_dir: of an embedded server; None if the server is somebody's
    """

    again: Sequence[str]
    pages: Pages
    data_dir: Path | None = None
    program: str = field(default_factory=program_name)

    @property
    def repeat(self) -> str:
        """The command that does the same once more."""
        return shlex.join([self.program, *self.again])

    @property
    def remove(self) -> str | None:
        """The command that removes everything that was made, but for the output."""
        if self.data_dir is None:
            return None
        return shlex.join([self.program, "purge", "--data-dir", str(self.data_dir)])


def size_text(size_bytes: int) -> str:
    """
    A size for people.

    >>> size_text(900), size_text(53_000), size_text(7_000_000)
    ('900 B', '51.8 KiB', '6.7 MiB')
    """
    size = float(size_bytes)
    for unit in ("B", "KiB", "MiB"):
        if size < _KIB:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= _KIB
    return f"{size:.1f} GiB"


def show(outcome: Outcome, epilogue: Epilogue, screen: Screen) -> None:
    """Print the tables, and how to go on."""
    console = screen.console
    table = Table(
        box=None,
        title=f"{outcome.source} {outcome.version} for {outcome.suite}/{outcome.architecture}",
        title_justify="left",
        header_style="bold",
        pad_edge=False,
    )
    for name in ("Step", "Result", "Duration", "Work request", "Remark"):
        table.add_column(name)
    for step in outcome.steps:
        table.add_row(
            step.name,
            Text(step.verdict, style=step.verdict.style),
            duration_text(step.duration_s),
            str(step.work_request or ""),
            Text(step.remark),
        )
    console.print()
    console.print(table)
    if outcome.files:
        built = Table(box=None, header_style="bold", pad_edge=False)
        built.add_column("Built")
        built.add_column("Size", justify="right")
        for file in outcome.files:
            built.add_row(Text(file.path.name), size_text(file.size_bytes))
        console.print()
        console.print(built)
    console.print()
    for label, value in _places(outcome, epilogue):
        # a terminal that breaks a line itself lets it be copied whole
        console.print(Text(f"{label + ':':<{_LABEL_WIDTH}} {value}"), soft_wrap=True)
    if any(step.blame is Blame.ENVIRONMENT for step in outcome.steps):
        text = "What went wrong is not of the package's making: trying again may help."
        console.print()
        console.print(Text(text))


def _places(outcome: Outcome, epilogue: Epilogue) -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    if outcome.output.is_dir() and any(outcome.output.iterdir()):
        rows.append(("Files", str(outcome.output)))
    rows += [(f"{step.name.capitalize()} log", str(step.log)) for step in outcome.steps if step.log]
    rows += [
        (
            f"{step.name.capitalize()} page",
            epilogue.pages.where(step.page, program=epilogue.program),
        )
        for step in outcome.steps
        if step.page and step.verdict is not Verdict.SUCCESS
    ]
    rows.append(("Again", epilogue.repeat))
    if epilogue.remove:
        rows.append(("Remove all", epilogue.remove))
    return rows


def document(outcome: Outcome, epilogue: Epilogue, warnings: Sequence[str]) -> JsonObject:
    """The same for programs."""
    return {
        "result": str(outcome.verdict),
        "source": {"name": outcome.source, "version": outcome.version},
        "suite": outcome.suite,
        "architecture": outcome.architecture,
        "steps": {step.name: step.as_json(epilogue.pages) for step in outcome.steps},
        "files": [
            {"path": str(file.path), "size": file.size_bytes, "sha256": file.sha256}
            for file in outcome.files
        ],
        "output": str(outcome.output),
        "warnings": list(warnings),
        "repeat": epilogue.repeat,
        "remove": epilogue.remove,
    }
