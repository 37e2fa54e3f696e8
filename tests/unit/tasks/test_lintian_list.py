# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from debusine.tasks.lintian_list import MAX_LINE_CHARS, MAX_LINES, list_findings
from debusine.tasks.lintian_output import LintianTag, Severity

ALL = [
    LintianTag(tag=f"{severity.value}-tag", severity=severity, package="hello")
    for severity in reversed(Severity)
]


def listed(threshold: Severity | None) -> list[str]:
    return [line.split()[0] for line in list_findings(ALL, threshold)[:-1]]


@pytest.mark.parametrize(
    ("threshold", "more"),
    [
        (None, []),
        (Severity.ERROR, []),
        (Severity.PEDANTIC, ["pedantic"]),
        (Severity.OVERRIDDEN, ["pedantic", "overridden"]),
    ],
)
def test_only_what_counts_is_listed_worst_first(
    threshold: Severity | None, more: list[str]
) -> None:
    wanted = {"error", "warning", "info", "experimental", *more}
    assert listed(threshold) == [severity for severity in Severity if severity in wanted]


def test_the_last_line_counts_all() -> None:
    assert list_findings([*ALL, ALL[-2]], None)[-1] == (
        "lintian: 1 error, 2 warnings, 1 info, 1 experimental;"
        " not listed: 1 pedantic, 1 overridden, 1 classification"
    )
    assert list_findings(ALL[:1], None) == [
        "lintian: nothing to mend; not listed: 1 classification"
    ]
    assert list_findings([], None) == ["lintian: nothing to mend"]


def test_a_line_stays_one_harmless_line() -> None:
    tag = LintianTag(
        tag="odd", severity=Severity.INFO, package="p", note="a\rb\x1b[2J\x85c", pointer="f\x07:1"
    )
    assert list_findings([tag], None)[0] == "info           p: odd a bc [f:1]"


def test_neither_lines_nor_list_grow_without_end() -> None:
    tags = [
        LintianTag(tag=f"t{number:04}", severity=Severity.INFO, package="p", note="x" * 1000)
        for number in range(MAX_LINES + 5)
    ]
    lines = list_findings(tags, None)
    assert len(lines) == MAX_LINES + 2
    assert max(map(len, lines)) == MAX_LINE_CHARS
    assert lines[-2] == "... and 5 more"
