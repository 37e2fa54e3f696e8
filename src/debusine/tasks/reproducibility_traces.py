# SPDX-License-Identifier: GPL-3.0-or-later
"""What most likely makes a file differ, as the report of diffoscope tells."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, ValidationError

from debusine.domain.reproducibility import Trace, Variation
from debusine.errors import UserError
from debusine.tasks.reproducibility_variations import Plan

MAX_LINES = 100_000
"""Changed lines of a report that are looked at."""

_WORD = r"(?<![\w.-]){}(?![\w-])"
# the abbreviation that these zones have, and what date +%z says of them
_ZONE = re.compile(r"\bGMT\b|[+-]1[24]:?00\b")
_MOMENT = re.compile(
    r"\d{4}-\d\d-\d\d|\b\d\d:\d\d\b|\b\d{1,2} (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\b"
    r"|\b(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]* +\d{1,2}\b|\b[12]\d{9}\b"
)
_MODE = re.compile(r"[-dl](?:[r-][w-][xsSt-]){2}[r-][w-][xtT-]")
_NUMBERS = re.compile(r"\d+")


class Difference(BaseModel):
    """A node of diffoscope's JSON, as far as we read it."""

    unified_diff: str | None = None
    details: list[Difference] = []


def read_report(path: Path) -> Difference:
    """
    Read a report in JSON; it comes from a sandbox.

    :raises UserError: if it is not one
    """
    try:
        return Difference.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise UserError(f"{path.name} is no report of diffoscope") from error


def likely_causes(report: Difference, plan: Plan) -> list[Variation | Trace]:
    """
    Say what most likely makes a file differ.

    :param plan: what was varied
    :returns: each once, in the order of their definition; empty if nothing tells
    """
    removed: list[str] = []
    added: list[str] = []
    for line in _changed_lines(report):
        (added if line.startswith("+") else removed).append(line[1:])
        if len(added) + len(removed) >= MAX_LINES:
            break
    found: set[Variation | Trace] = {*_causes("\n".join(removed), "\n".join(added), plan)}
    if not found and added and sorted(added) == sorted(removed):
        found.add(Trace.ORDER)
    return [cause for cause in (*Variation, *Trace) if cause in found]


def _changed_lines(report: Difference) -> Iterator[str]:
    pending = [report]
    while pending:
        node = pending.pop()
        pending += node.details
        for line in (node.unified_diff or "").splitlines():
            if line.startswith(("+", "-")) and not line.startswith(("+++ ", "--- ")):
                yield line


def _causes(removed: str, added: str, plan: Plan) -> Iterator[Variation]:
    first = {record.name: record.first for record in plan.records}
    path, first_path = plan.value(Variation.PATH), first.get(Variation.PATH)
    if (path and path in added) or (first_path and first_path in removed):
        yield Variation.PATH
    for variation in (Variation.HOST, Variation.USER):
        word = plan.value(variation)
        pattern = re.compile(_WORD.format(re.escape(word or "")))
        if word and pattern.search(added) and not pattern.search(removed):
            yield variation
    if plan.value(Variation.TIMEZONE) and _ZONE.search(added) and not _ZONE.search(removed):
        yield Variation.TIMEZONE
    if plan.value(Variation.UMASK) and _only_differ_by_mode(removed, added):
        yield Variation.UMASK
    if set(_MOMENT.findall(removed)) - set(_MOMENT.findall(added)) and _same_but_numbers(
        removed, added
    ):
        yield Variation.CLOCK


def _only_differ_by_mode(removed: str, added: str) -> bool:
    """Whether a line has another mode, and the file in it is the same."""
    modes = {_MODE.sub("", line): _MODE.findall(line) for line in removed.splitlines()}
    return any(
        found and modes.get(_MODE.sub("", line), found) != found
        for line in added.splitlines()
        if (found := _MODE.findall(line))
    )


def _same_but_numbers(removed: str, added: str) -> bool:
    """Whether there is a moment in lines that are the same but for that."""
    before = {_form(line) for line in removed.splitlines() if _MOMENT.search(line)}
    return any(_form(line) in before for line in added.splitlines() if _MOMENT.search(line))


def _form(line: str) -> str:
    """A line without what changes as time passes: numbers, names of days, months and zones."""
    words = (word for word in re.split(r"\W+", _NUMBERS.sub("", line)) if word)
    return " ".join(word for word in words if not _NAME.fullmatch(word))


_NAME = re.compile(
    r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun|Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*"
    r"|UTC|GMT|AM|PM|T|Z"
)
