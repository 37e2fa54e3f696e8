# SPDX-License-Identifier: GPL-3.0-or-later
"""Read what lintian prints, and count it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from debusine.artifacts.kinds.lintian import LintianSummary

ANALYSIS_VERSION = "1.0"


class Severity(StrEnum):
    """How bad a finding is, worst first."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"
    PEDANTIC = "pedantic"
    EXPERIMENTAL = "experimental"
    OVERRIDDEN = "overridden"
    CLASSIFICATION = "classification"

    @property
    def rank(self) -> int:
        """Position in the order, 0 is worst."""
        return list(Severity).index(self)


_LETTERS = {
    "E": Severity.ERROR,
    "W": Severity.WARNING,
    "I": Severity.INFO,
    "P": Severity.PEDANTIC,
    "X": Severity.EXPERIMENTAL,
    "O": Severity.OVERRIDDEN,
    "C": Severity.CLASSIFICATION,
}
_MASKED = "M"
_TAG = re.compile(
    r"(?P<letter>[A-Z]): (?P<package>\S+)(?P<type> [a-z]+)?: (?P<tag>\S+)(?: (?P<rest>.*))?"
)
_REPEATED = re.compile(r"[A-Z]: \S+")
_INDENT = 3  # of explanations; lines of comments have none


class LintianOutputError(ValueError):
    """Lintian printed something that it should not."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LintianTag:
    """
    One finding.

    :param package: as lintian names it: with `` source`` for source packages
    :param note: what was found
    :param pointer: where: file, perhaps with a line
    :param explanation: what the tag means; lintian says so at its first occurrence only
    :param comment: of the maintainer, beside an override
    """

    tag: str
    severity: Severity
    package: str
    note: str = ""
    pointer: str = ""
    explanation: str = ""
    comment: str = ""

    def to_json(self) -> dict[str, str]:
        """The same for ``analysis.json``."""
        return {
            "tag": self.tag,
            "severity": self.severity.value,
            "package": self.package.removesuffix(" source"),
            "note": self.note,
            "pointer": self.pointer,
            "explanation": self.explanation,
            "comment": self.comment,
        }


@dataclass
class _Reader:
    """Where we are in the output."""

    tags: list[LintianTag] = field(default_factory=list)
    pending: re.Match[str] | None = None
    explanation: list[str] = field(default_factory=list)
    comment: list[str] = field(default_factory=list)
    next_comment: list[str] = field(default_factory=list)
    in_comment: bool = True
    last_was_bare: bool = False

    def note(self, line: str) -> None:
        """Take a line that starts with ``N:``."""
        text = line[2:]
        if not text.strip():
            if self.last_was_bare:
                self.in_comment = True
            elif not self.in_comment:
                self.explanation.append("")
            self.last_was_bare = True
            return
        # a tag that was explained before is followed by the comment of the next
        self.in_comment = self.in_comment or (self.last_was_bare and text[1:2] != " ")
        self.last_was_bare = False
        if self.in_comment:
            self.next_comment.append(text.strip())
        else:
            self.explanation.append(text[_INDENT:] if text[:_INDENT].isspace() else text.strip())

    def begin(self, match: re.Match[str]) -> None:
        """Take the line of a tag."""
        self.finish()
        self.pending = match
        self.comment, self.next_comment = self.next_comment, []
        self.in_comment = self.last_was_bare = False

    def finish(self) -> None:
        """Add the tag that was read last."""
        match, self.pending = self.pending, None
        explanation, self.explanation = self.explanation, []
        if match is None or match["letter"] == _MASKED:
            return
        note, bracket, rest = (match["rest"] or "").partition("[")
        end = rest.rfind("]")
        kind = match["type"] or ""
        self.tags.append(
            LintianTag(
                tag=match["tag"],
                severity=_LETTERS[match["letter"]],
                package=match["package"] + (kind if kind == " source" else ""),
                note=note.strip(),
                pointer=rest[:end] if bracket and end >= 0 else "",
                explanation="\n".join(line.rstrip() for line in explanation).strip("\n"),
                comment="\n".join(self.comment),
            )
        )


def parse_output(text: str) -> list[LintianTag]:
    """
    Read the output of ``lintian --info --show-overrides``.

    :returns: findings in the order of the output, those that are masked left out
    :raises LintianOutputError: if a line is neither a tag nor a note
    """
    reader = _Reader()
    for number, line in enumerate(text.split("\n"), start=1):
        if line.startswith("N:"):
            reader.note(line)
        elif (match := _TAG.fullmatch(line)) and match["letter"] in {*_LETTERS, _MASKED}:
            reader.begin(match)
        elif line.strip() and not _REPEATED.fullmatch(line):
            message = f"line {number} of lintian's output is not understood: {line[:200]}"
            raise LintianOutputError(message)
    reader.finish()
    return reader.tags


def sort_tags(tags: Iterable[LintianTag]) -> list[LintianTag]:
    """Findings by package, worst first, then by tag and note."""
    return sorted(tags, key=lambda tag: (tag.package, tag.severity.rank, tag.tag, tag.note))


def summarise(
    tags: Iterable[LintianTag],
    *,
    package_filename: Mapping[str, str],
    lintian_version: str,
    distribution: str,
) -> LintianSummary:
    """
    Count findings.

    :param package_filename: file by package
    """
    found = list(tags)
    counts = Counter(tag.severity for tag in found)
    overridden = {tag.tag for tag in found if tag.severity is Severity.OVERRIDDEN}
    others = {tag.tag for tag in found if tag.severity is not Severity.OVERRIDDEN}
    return LintianSummary(
        tags_count_by_severity={severity.value: counts[severity] for severity in Severity},
        package_filename=dict(package_filename),
        tags_found=sorted(others),
        overridden_tags_found=sorted(overridden),
        lintian_version=lintian_version,
        distribution=distribution,
    )


def analysis(tags: Iterable[LintianTag], summary: LintianSummary) -> dict[str, Any]:
    """Content of ``analysis.json``."""
    return {
        "tags": [tag.to_json() for tag in sort_tags(tags)],
        "summary": summary.model_dump(mode="json"),
        "version": ANALYSIS_VERSION,
    }


def reaches(tags: Iterable[LintianTag], threshold: Severity) -> bool:
    """Whether a finding is at least as bad as a threshold."""
    return any(tag.severity.rank <= threshold.rank for tag in tags)
