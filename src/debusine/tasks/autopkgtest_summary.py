# SPDX-License-Identifier: GPL-3.0-or-later
"""
Read the summary that autopkgtest writes.

Names of tests, and lines that tests print, come from the package: they are untrusted.

:source: autopkgtest(1), OUTPUT FORMAT
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from debusine.artifacts.kinds.autopkgtest import TestResult, TestStatus
from debusine.util.apt_sources import hide_logins
from debusine.util.terminal import tame

MAX_BYTES = 4 * 1024 * 1024
MAX_RESULTS = 20_000
MAX_NAME_CHARS = 255
MAX_TEXT_CHARS = 500

_RESULT = re.compile(r"(?P<name>\S+)\s+(?P<status>[A-Z]+)(?:\s+(?P<details>.*))?")
_TROUBLE = re.compile(r"[a-z]+(?: [a-z]+)*: .*")
# if a test is reported twice, what is worst counts
_BAD_FIRST = (TestStatus.FAIL, TestStatus.FLAKY, TestStatus.SKIP, TestStatus.PASS)


class SummaryError(ValueError):
    """The summary is not what autopkgtest writes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Summary:
    """
    What autopkgtest says in short.

    :param results: by test, in its order; ``*`` where no test is meant
    :param troubles: what it says of testbed and packages, without line ends
    """

    results: dict[str, TestResult] = field(default_factory=dict)
    troubles: tuple[str, ...] = ()

    def having(self, status: TestStatus) -> list[str]:
        """Tests that ended in one way."""
        return [name for name, result in self.results.items() if result.status is status]


def read_summary(path: Path) -> Summary:
    """
    Read a summary.

    :raises SummaryError: if there is none, it is too long, or a line of it is not understood
    """
    if path.is_symlink() or not path.is_file():
        message = "autopkgtest left no summary"
        raise SummaryError(message)
    with path.open("rb") as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        message = f"autopkgtest's summary is larger than {MAX_BYTES} bytes"
        raise SummaryError(message)
    return parse_summary(content.decode(errors="replace"))


def parse_summary(text: str) -> Summary:
    r"""
    Parse a summary.

    :raises SummaryError: if there are too many results, or a line is not understood

    >>> parse_summary("smoke                PASS\n").having(TestStatus.PASS)
    ['smoke']
    """
    results: dict[str, TestResult] = {}
    troubles: list[str] = []
    for number, line in enumerate(filter(str.strip, text.split("\n")), start=1):
        found = _RESULT.fullmatch(line.rstrip())
        if found is not None and found["status"] in set(TestStatus):
            _add(results, found["name"], TestStatus(found["status"]), found["details"])
        elif troubles or _TROUBLE.fullmatch(line):
            # what it says of a trouble may go on in the next lines
            troubles.append(_tidy(line))
        else:
            message = f"line {number} of autopkgtest's summary is not understood: {_tidy(line)}"
            raise SummaryError(message)
        if len(results) + len(troubles) > MAX_RESULTS:
            message = f"autopkgtest's summary has more than {MAX_RESULTS} lines"
            raise SummaryError(message)
    return Summary(results=results, troubles=tuple(troubles))


def _add(
    results: dict[str, TestResult], name: str, status: TestStatus, details: str | None
) -> None:
    name = _tidy(name, MAX_NAME_CHARS)
    known = results.get(name)
    if known is None or _BAD_FIRST.index(status) < _BAD_FIRST.index(known.status):
        text = _tidy(details or "")
        results[name] = TestResult(status=status, details=text or None)


def names_in_words(names: Iterable[str], limit: int = 5) -> str:
    """
    List tests for people.

    >>> names_in_words(["a", "b", "c"], limit=2)
    'a, b and 1 more'
    """
    known = list(names)
    more = len(known) - limit
    shown = ", ".join(known[:limit])
    return f"{shown} and {more} more" if more > 0 else shown


def _tidy(text: str, limit: int = MAX_TEXT_CHARS) -> str:
    """Make a line that steers no terminal, holds no login and is not too long."""
    line = " ".join(hide_logins(tame(text)).split())
    return line if len(line) <= limit else f"{line[: limit - 3]}..."
