# SPDX-License-Identifier: GPL-3.0-or-later
"""What may be removed, and when; a delay of 0, like none at all, means never."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

EXTENDS = "extends"


class Edge(NamedTuple):
    """A relation from one artifact to its target."""

    artifact: int
    target: int
    type: str

    def keeps(self) -> tuple[tuple[int, int], ...]:
        """
        Which end keeps which: who is kept comes first.

        Whoever has an upload needs the source that it is made from; and what extends an
        artifact says more about it.

        >>> Edge(2, 1, "relates-to").keeps()
        ((2, 1),)
        >>> Edge(2, 1, "extends").keeps()
        ((2, 1), (1, 2))
        """
        there = (self.artifact, self.target)
        return (there, there[::-1]) if self.type == EXTENDS else (there,)


def expires_at(
    created_at: datetime, own: timedelta | None, default: timedelta | None
) -> datetime | None:
    """
    When something may be removed; None for never.

    :param own: its delay; None for that of the workspace
    :param default: delay of the workspace

    >>> expires_at(datetime(2026, 1, 1), None, timedelta(days=30))
    datetime.datetime(2026, 1, 31, 0, 0)
    >>> expires_at(datetime(2026, 1, 1), timedelta(0), timedelta(days=30))
    """
    delay = default if own is None else own
    return created_at + delay if delay else None


def without_kept(expired: set[int], held: Iterable[int], edges: Iterable[Edge]) -> set[int]:
    """
    Which artifacts may go: those that nothing kept needs, however far away it is.

    :param expired: all whose time is over; every other artifact is kept
    :param held: those that something else than an artifact needs, such as a collection
    :param edges: the relations that have one of the expired at an end

    >>> upload_of_source = Edge(2, 1, "extends")
    >>> without_kept({1, 2, 3}, {2}, [upload_of_source])
    {3}
    """
    keeps: defaultdict[int, list[int]] = defaultdict(list)
    reached = {pk for pk in held if pk in expired}
    for edge in edges:
        for keeper, kept in edge.keeps():
            if kept not in expired:
                continue
            if keeper in expired:
                keeps[keeper].append(kept)
            else:
                reached.add(kept)
    to_visit = list(reached)
    while to_visit:
        new = set(keeps.pop(to_visit.pop(), ())) - reached
        reached |= new
        to_visit.extend(new)
    return expired - reached
