# SPDX-License-Identifier: GPL-3.0-or-later
"""
Parts of the pages of tasks that the files of the tasks say, and pages that are missing.

A part is marked like ``<!-- results debusine.tasks.kinds.noop:Noop -->``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from debusine.tasks.base import BaseExternalTask
from debusine.tasks.registry import add_package
from debusine.tasks.task_type import TaskKind, describe

FOLDERS = {
    "debusine.tasks.kinds": "tasks",
    "debusine.tasks.signing": "signing",
    "debusine.server.tasks": "server",
}
"""Folder of pages by the package that tasks lie in."""

SKELETON = """\
# {name}

{summary}.

## Example

<!-- example {kind} -->
<!-- /example -->

## Data

<!-- fields {model} -->
<!-- /fields -->

<!-- limits {kind} -->
<!-- /limits -->

## Inputs

<!-- inputs {kind} -->
<!-- /inputs -->

## Results

<!-- results {kind} -->
<!-- /results -->
"""


def example(kind: TaskKind) -> str:
    """Task data that the task takes."""
    return f"```yaml\n{describe(kind).example}```"


def limits(kind: TaskKind) -> str:
    """What the task cannot do."""
    return describe(kind).limits


def inputs(kind: TaskKind) -> str:
    """Table of what the server looks up."""
    rows = [
        f"| {one.label} | {f'`{one.field}`' if one.field else ''} |"
        f" {', '.join(f'`{category}`' for category in one.categories)} | {one.help_text or ''} |"
        for one in describe(kind).inputs
        if one.categories or one.help_text
    ]
    if not rows:
        return "The server looks nothing up."
    return "\n".join(["| input | field | may be | what for |", "|---|---|---|---|", *rows])


def results(kind: TaskKind) -> str:
    """Table of results and what they mean."""
    rows = [f"| `{one.result.value}` | {one.meaning} |" for one in describe(kind).results]
    return "\n".join(["| result | when |", "|---|---|", *rows])


def missing_pages(reference: Path) -> Iterator[tuple[Path, str]]:
    """
    Pages of tasks that nobody has written.

    :param reference: folder of the folders of pages
    :returns: where each belongs, and its text with parts yet to be filled
    """
    add_package("debusine.server.tasks")
    for kind in BaseExternalTask.registry.all():
        page = page_of(kind, reference)
        if page is not None and not page.exists():
            yield page, skeleton(kind)


def page_of(kind: TaskKind, reference: Path) -> Path | None:
    """Where the page of a task lies; None for tasks of other packages."""
    folder = FOLDERS.get(kind.__module__.rpartition(".")[0])
    return None if folder is None else reference / folder / f"{kind.name}.md"


def skeleton(kind: TaskKind) -> str:
    """A page with all parts that the file of a task says."""
    model: type[Any] = kind.task_data_type
    return SKELETON.format(
        name=kind.name,
        summary=describe(kind).summary,
        kind=f"{kind.__module__}:{kind.__qualname__}",
        model=f"{model.__module__}:{model.__qualname__}",
    )
