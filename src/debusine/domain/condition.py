# SPDX-License-Identifier: GPL-3.0-or-later
"""
Conditions on facts, as data: the same one decides about a thing and selects rows in SQL.

>>> mine = all_of(among("workspace", 1, 2), negated(among("system", True)))
>>> holds(mine, {"workspace": 1, "system": False}.get)
True
>>> any_of(NEVER, ALWAYS) is ALWAYS
True
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias, assert_never


@dataclass(frozen=True, slots=True)
class Among:
    """The value of a fact is one of some; what is unknown is none of them."""

    fact: str
    values: frozenset[int | str | bool]


@dataclass(frozen=True, slots=True)
class Absent:
    """There is no such thing, as there is no workspace for some groups."""

    fact: str


@dataclass(frozen=True, slots=True)
class AllOf:
    """Everything holds."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Something holds."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Negated:
    """It does not hold; only for facts that are always known."""

    part: Condition


Condition: TypeAlias = "Among | Absent | AllOf | AnyOf | Negated"
ALWAYS = AllOf(())
NEVER = AnyOf(())


def all_of(*parts: Condition) -> Condition:
    """Join conditions; what decides alone stands alone."""
    kept = tuple(part for part in parts if part != ALWAYS)
    if NEVER in kept:
        return NEVER
    return kept[0] if len(kept) == 1 else AllOf(kept) if kept else ALWAYS


def any_of(*parts: Condition) -> Condition:
    """Offer conditions; what decides alone stands alone."""
    kept = tuple(part for part in parts if part != NEVER)
    if ALWAYS in kept:
        return ALWAYS
    return kept[0] if len(kept) == 1 else AnyOf(kept) if kept else NEVER


def among(fact: str, *values: int | str | bool | None) -> Condition:
    """Compare a fact with values; None is no value."""
    known = frozenset(value for value in values if value is not None)
    return Among(fact, known) if known else NEVER


def negated(part: Condition) -> Condition:
    """Turn a condition round."""
    if part == NEVER:
        return ALWAYS
    return NEVER if part == ALWAYS else Negated(part)


def holds(condition: Condition, fact: Callable[[str], object]) -> bool:
    """
    Decide about one thing.

    :param fact: gives the value of a fact by name, None for what is not known; asked for
        what is needed only
    """
    match condition:
        case Among():
            return fact(condition.fact) in condition.values
        case Absent():
            return fact(condition.fact) is None
        case AllOf():
            return all(holds(part, fact) for part in condition.parts)
        case AnyOf():
            return any(holds(part, fact) for part in condition.parts)
        case Negated():
            return not holds(condition.part, fact)
        case _:
            assert_never(condition)
