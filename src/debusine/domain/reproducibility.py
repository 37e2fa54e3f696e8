# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a package reproduces: how each file compares, and what two builds do differently."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum


class FileVerdict(StrEnum):
    """How a file of the second build compares with that of the first."""

    SAME = "same"
    DIFFERS = "differs"
    MISSING = "missing"  # the first build made it, the second did not
    EXTRA = "extra"  # the other way round


class Variation(StrEnum):
    """
    What the second build does in another way.

    :source: the variations of reprotest(1)
    """

    PATH = "path"
    HOST = "host"
    USER = "user"
    TIMEZONE = "timezone"
    LOCALE = "locale"
    UMASK = "umask"
    CPUS = "cpus"
    CLOCK = "clock"


class Trace(StrEnum):
    """What in a difference tells where it comes from, beside a variation."""

    ORDER = "order"  # the same lines, in another order


@dataclass(frozen=True, kw_only=True, slots=True)
class Compared:
    """
    A file of two builds.

    :param first: SHA-256 in the first build; None if it is not there
    :param second: SHA-256 in the second build; None if it is not there
    """

    name: str
    first: str | None
    second: str | None

    @property
    def verdict(self) -> FileVerdict:
        """How the two compare."""
        if self.second is None:
            return FileVerdict.MISSING
        if self.first is None:
            return FileVerdict.EXTRA
        return FileVerdict.SAME if self.first == self.second else FileVerdict.DIFFERS


def compare(first: Mapping[str, str], second: Mapping[str, str]) -> list[Compared]:
    """
    Compare the files of two builds.

    :param first: SHA-256 by name
    :param second: SHA-256 by name
    :returns: one for each name, sorted

    >>> [found.verdict.value for found in compare({"a": "1", "b": "2"}, {"a": "1", "c": "3"})]
    ['same', 'missing', 'extra']
    """
    return [
        Compared(name=name, first=first.get(name), second=second.get(name))
        for name in sorted({*first, *second})
    ]


@dataclass(frozen=True, kw_only=True, slots=True)
class OtherVersion:
    """
    A package that two builds had in different versions.

    :param first: None if the first build did not have it
    :param second: None if the second did not
    """

    package: str
    first: str | None
    second: str | None


def other_versions(first: Mapping[str, str], second: Mapping[str, str]) -> list[OtherVersion]:
    """
    Compare the packages that two builds could use.

    :param first: version by package
    :param second: version by package
    :returns: those that differ, sorted by name

    >>> other_versions({"gcc": "1", "make": "4"}, {"gcc": "2", "make": "4"})
    [OtherVersion(package='gcc', first='1', second='2')]
    """
    return [
        OtherVersion(package=name, first=first.get(name), second=second.get(name))
        for name in sorted({*first, *second})
        if first.get(name) != second.get(name)
    ]


def summary(files: Iterable[Compared], causes: Iterable[str], others: int) -> str:
    """
    Say in a line what came of it.

    :param causes: what most likely made files differ
    :param others: how many packages had other versions

    >>> summary([Compared(name="a_1_all.deb", first="1", second="2")], ["path"], 0)
    '1 of 1 files is not the same: a_1_all.deb differs (most likely by: path)'
    """
    found = list(files)
    wrong = [one for one in found if one.verdict is not FileVerdict.SAME]
    noted = f"; {_count(others)} another version than in the first build" if others else ""
    if not wrong:
        return f"all files ({len(found)}) are the same{noted}"
    shown = ", ".join(f"{one.name} {_WORDS[one.verdict]}" for one in wrong[:_SHOWN])
    more = f", and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
    by = ", ".join(dict.fromkeys(causes))
    likely = f" (most likely by: {by})" if by else ""
    verb = "is" if len(wrong) == 1 else "are"
    return f"{len(wrong)} of {len(found)} files {verb} not the same: {shown}{more}{likely}{noted}"


_SHOWN = 3
_WORDS = {
    FileVerdict.DIFFERS: "differs",
    FileVerdict.MISSING: "is missing",
    FileVerdict.EXTRA: "is new",
    FileVerdict.SAME: "is the same",
}


def _count(number: int) -> str:
    return "1 package had" if number == 1 else f"{number} packages had"
