# SPDX-License-Identifier: GPL-3.0-or-later
"""What lintian found, as a short list for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from debusine.tasks.lintian_output import LintianTag, Severity
from debusine.util.terminal import tame

MAX_LINES = 300
MAX_LINE_CHARS = 300

# what a maintainer may want to mend; the rest describes the package, or is known to them
_LISTED = Severity.EXPERIMENTAL
_LEFT_OUT = frozenset({Severity.PEDANTIC})
_WIDTH = max(len(severity) for severity in Severity)


def list_findings(tags: Iterable[LintianTag], threshold: Severity | None) -> list[str]:
    """
    List findings, worst first, one line each, and count them in the last line.

    Pedantic ones, overridden ones and classifications are only counted, unless they
    can decide the result. Nothing in the lines steers a terminal.

    :param threshold: what is at least as bad makes the task fail; None: nothing does
    """
    found = sorted(tags, key=lambda tag: (tag.severity.rank, tag.package, tag.tag))
    counts = Counter(tag.severity for tag in found)
    shown = [tag for tag in found if _is_listed(tag.severity, threshold)]
    lines = [_line(tag) for tag in shown[:MAX_LINES]]
    if len(shown) > MAX_LINES:
        lines.append(f"... and {len(shown) - MAX_LINES} more")
    listed = _in_words(counts, (s for s in Severity if _is_listed(s, threshold)))
    others = _in_words(counts, (s for s in Severity if not _is_listed(s, threshold)))
    total = f"lintian: {listed or 'nothing to mend'}"
    return [*lines, f"{total}; not listed: {others}" if others else total]


def count_text(severity: str, count: int) -> str:
    """
    A number of findings for people.

    >>> count_text("warning", 2), count_text("error", 1), count_text("info", 3)
    ('2 warnings', '1 error', '3 info')
    """
    has_plural = severity in {"error", "warning", "classification"}
    return f"{count} {severity}{'s' if has_plural and count != 1 else ''}"


def _is_listed(severity: Severity, threshold: Severity | None) -> bool:
    if threshold is not None and severity.rank <= threshold.rank:
        return True
    return severity.rank <= _LISTED.rank and severity not in _LEFT_OUT


def _line(tag: LintianTag) -> str:
    where = f" [{tag.pointer}]" if tag.pointer else ""
    note = f" {tag.note}" if tag.note else ""
    text = f"{tag.severity:<{_WIDTH}} {tag.package}: {tag.tag}{note}{where}"
    line = " ".join(tame(text).splitlines()).rstrip()
    return line if len(line) <= MAX_LINE_CHARS else f"{line[: MAX_LINE_CHARS - 3]}..."


def _in_words(counts: Counter[Severity], severities: Iterator[Severity]) -> str:
    return ", ".join(count_text(name, counts[name]) for name in severities if counts[name])
