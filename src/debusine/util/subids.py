# SPDX-License-Identifier: GPL-3.0-or-later
"""Subordinate ids: who has which, and which are free."""

from __future__ import annotations

import contextlib
import pwd
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from debusine.errors import NotPossibleError

NEEDED_IDS = 65536
# as in the login.defs(5) of Debian
_FIRST = 100000
_LAST = 600100000


@dataclass(frozen=True, slots=True)
class SubIds:
    """A range of subordinate ids: ``count`` of them from ``first`` on."""

    first: int
    count: int


def subids_for(user: str, file: Path = Path("/etc/subuid")) -> list[SubIds]:
    """
    Ranges that a file gives to a user, by name or by number, in order of the file.

    :param file: ``/etc/subuid`` or ``/etc/subgid``
    :returns: may be empty; lines that do not parse are passed over
    :source: subuid(5)
    """
    names = {user}
    with contextlib.suppress(KeyError):
        names.add(str(pwd.getpwnam(user).pw_uid))
    return [entry for owner, entry in _entries(file) if owner in names]


def free_range(file: Path = Path("/etc/subuid")) -> int:
    """
    First id of a range of :data:`NEEDED_IDS` that nobody has.

    :param file: ``/etc/subuid`` or ``/etc/subgid``
    :raises NotPossibleError: if there is no room
    """
    candidate = _FIRST
    for taken in sorted((entry for _, entry in _entries(file)), key=lambda entry: entry.first):
        if candidate + NEEDED_IDS <= taken.first:
            break
        candidate = max(candidate, taken.first + taken.count)
    if candidate + NEEDED_IDS > _LAST:
        raise NotPossibleError(f"no free range of sub-ids is left in {file}")
    return candidate


def _entries(file: Path) -> Iterator[tuple[str, SubIds]]:
    """Owner and range of each line; lines that do not parse are passed over."""
    try:
        lines = file.read_text().splitlines()
    except FileNotFoundError:
        return
    for line in lines:
        owner, _, numbers = line.partition(":")
        first, _, count = numbers.partition(":")
        if first.isdecimal() and count.strip().isdecimal():
            yield owner, SubIds(int(first), int(count))
