# SPDX-License-Identifier: GPL-3.0-or-later
"""In which order workspaces are searched that inherit from each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence


def search_order(
    start: int, parents: Mapping[int, Sequence[int]], *, is_visible: Callable[[int], bool]
) -> list[int]:
    """
    List a workspace and what it inherits from: depth first, parents in their order.

    What is not visible is left out together with what is reachable through it only. Each
    stands once, where it is met first; that ends loops, too.

    :param parents: by child, in order; children without parents may be absent
    :returns: begins with ``start``; empty if that is not visible

    >>> search_order(1, {1: [2, 3], 2: [4, 1], 3: [4, 5]}, is_visible=lambda pk: pk != 5)
    [1, 2, 4, 3]
    """
    order: dict[int, None] = {}
    waiting = [start]
    while waiting:
        place = waiting.pop()
        if place not in order and is_visible(place):
            order[place] = None
            waiting.extend(reversed(parents.get(place, ())))
    return list(order)
