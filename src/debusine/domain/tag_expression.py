# SPDX-License-Identifier: GPL-3.0-or-later
"""
Boolean expressions over tags: ``worker:cap:sbuild and not (task:class:slow or task:class:big)``.

``not`` binds closer than ``and``, and ``and`` closer than ``or``. What holds is a set of
tags; a tag in an expression is true if it is in the set. ``str()`` of an expression
gives text that parses to an equal one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from typing import ClassVar

from lark import Lark, Token, Transformer
from lark.exceptions import LarkError
from typing_extensions import override

from debusine.errors import UserError

MAX_LENGTH = 1000
"""Of the text of an expression, so that no nesting is too deep to follow."""

# a terminal in quotes wins over TAG only if it is the whole word
_GRAMMAR = """
?start: disjunction
?disjunction: conjunction ("or" conjunction)*
?conjunction: negation ("and" negation)*
?negation: "not" negation -> inverse
    | TAG
    | "(" disjunction ")"
TAG: /[A-Za-z0-9:_-]+/
%ignore /[ \\t\\r\\n]+/
"""


class TagExpressionError(UserError):
    """A text is no expression over tags."""

    code = "tag-expression"


class TagExpression(ABC):
    """Something that is true or false of a set of tags."""

    _rank: ClassVar[int]

    @abstractmethod
    def holds(self, tags: Collection[str]) -> bool:
        """Whether it is true of a set of tags."""

    def _show(self, part: TagExpression) -> str:
        """Text of an operand, in parentheses unless it binds closer than this."""
        return str(part) if part._rank > self._rank else f"({part})"


@dataclass(frozen=True, slots=True)
class HasTag(TagExpression):
    """True if a tag is there."""

    tag: str
    _rank: ClassVar[int] = 3

    @override
    def holds(self, tags: Collection[str]) -> bool:
        return self.tag in tags

    @override
    def __str__(self) -> str:
        return self.tag


@dataclass(frozen=True, slots=True)
class Not(TagExpression):
    """True if something is not."""

    part: TagExpression
    _rank: ClassVar[int] = 2

    @override
    def holds(self, tags: Collection[str]) -> bool:
        return not self.part.holds(tags)

    @override
    def __str__(self) -> str:
        # the only operator that needs no parentheses around itself
        shown = str(self.part) if isinstance(self.part, Not) else self._show(self.part)
        return f"not {shown}"


@dataclass(frozen=True, slots=True)
class And(TagExpression):
    """True if all of two or more parts are."""

    parts: tuple[TagExpression, ...]
    _rank: ClassVar[int] = 1

    @override
    def holds(self, tags: Collection[str]) -> bool:
        return all(part.holds(tags) for part in self.parts)

    @override
    def __str__(self) -> str:
        return " and ".join(map(self._show, self.parts))


@dataclass(frozen=True, slots=True)
class Or(TagExpression):
    """True if any of two or more parts is."""

    parts: tuple[TagExpression, ...]
    _rank: ClassVar[int] = 0

    @override
    def holds(self, tags: Collection[str]) -> bool:
        return any(part.holds(tags) for part in self.parts)

    @override
    def __str__(self) -> str:
        return " or ".join(map(self._show, self.parts))


def parse_tag_expression(text: str) -> TagExpression:
    """
    Read an expression; the whole text must be one.

    :raises TagExpressionError: if it is none, or longer than :data:`MAX_LENGTH`

    >>> wanted = parse_tag_expression("not a and (b or c:d)")
    >>> wanted.holds({"b"}), wanted.holds({"a", "b"}), str(wanted)
    (True, False, 'not a and (b or c:d)')
    """
    if len(text) > MAX_LENGTH:
        raise TagExpressionError(
            "Tag expression is too long", details=f"It has more than {MAX_LENGTH} characters."
        )
    try:
        parsed = _parser().parse(text)
    except LarkError as error:
        raise TagExpressionError(
            "Not an expression over tags",
            details=f"{text!r}: {str(error).splitlines()[0]}",
            resolution="Tags consist of ASCII letters, digits and ':_-'; join them with "
            "'and', 'or', 'not' and parentheses.",
        ) from error
    # lark knows no types
    assert isinstance(parsed, TagExpression)
    return parsed


class _Builder(Transformer[Token, TagExpression]):
    """Makes expressions of what the grammar finds."""

    def TAG(self, token: Token) -> TagExpression:  # noqa: N802  the name in the grammar
        return HasTag(str(token))

    def inverse(self, children: list[TagExpression]) -> TagExpression:
        return Not(children[0])

    def conjunction(self, children: list[TagExpression]) -> TagExpression:
        return And(tuple(children))

    def disjunction(self, children: list[TagExpression]) -> TagExpression:
        return Or(tuple(children))


@cache
def _parser() -> Lark:
    # the contextual lexer would take a keyword for a tag where no keyword may stand
    return Lark(_GRAMMAR, parser="lalr", lexer="basic", transformer=_Builder())
