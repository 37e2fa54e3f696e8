# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from debusine.domain.tag_expression import (
    MAX_LENGTH,
    And,
    HasTag,
    Not,
    Or,
    TagExpression,
    TagExpressionError,
    parse_tag_expression,
)

A, B, C = HasTag("a"), HasTag("b"), HasTag("c")
WORDS = st.text(string.ascii_letters + string.digits + ":_-", min_size=1, max_size=6).filter(
    lambda word: word not in {"and", "or", "not"}
)


def _larger(parts: st.SearchStrategy[TagExpression]) -> st.SearchStrategy[TagExpression]:
    several = st.lists(parts, min_size=2, max_size=3).map(tuple)
    return st.one_of(parts.map(Not), several.map(And), several.map(Or))


EXPRESSIONS = st.recursive(WORDS.map(HasTag), _larger, max_leaves=12)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a", A),
        (" ( a )\n", A),
        ("not a and b or c", Or((And((Not(A), B)), C))),
        ("a or b and not c", Or((A, And((B, Not(C)))))),
        ("a and (b or c)", And((A, Or((B, C))))),
        ("not not a", Not(Not(A))),
        ("a and b and c", And((A, B, C))),
        ("a and (b and c)", And((A, And((B, C))))),
        ("worker:build-arch:amd64", HasTag("worker:build-arch:amd64")),
        ("android or notable", Or((HasTag("android"), HasTag("notable")))),
        ("And", HasTag("And")),
        ("not(a)", Not(A)),
    ],
)
def test_what_is_understood(text: str, expected: TagExpression) -> None:
    assert parse_tag_expression(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", " ", "a b", "a and", "and", "or a", "not", "(a", "a)", "()", "a & b", "a+b", "a.b", "ä",
     "a OR b", "a, b", "a and and b", "a" * (MAX_LENGTH + 1)],
)  # fmt: skip
def test_what_is_refused(text: str) -> None:
    with pytest.raises(TagExpressionError):
        parse_tag_expression(text)


def test_an_error_shows_where() -> None:
    with pytest.raises(TagExpressionError) as caught:
        parse_tag_expression("a and b+c")
    assert caught.value.details is not None
    assert "'a and b+c'" in caught.value.details
    assert "col 8" in caught.value.details


@pytest.mark.parametrize(
    ("text", "true_of", "false_of"),
    [
        ("a", ["a", "ab"], ["", "b"]),
        ("not a", ["", "b"], ["a", "ab"]),
        ("a and b", ["ab", "abc"], ["", "a", "b"]),
        ("a or b", ["a", "b", "ab"], ["", "c"]),
        ("not a and b or c", ["b", "c", "ac"], ["", "a", "ab"]),
    ],
)
def test_what_holds(text: str, true_of: list[str], false_of: list[str]) -> None:
    expression = parse_tag_expression(text)
    assert all(expression.holds(set(tags)) for tags in true_of)
    assert not any(expression.holds(set(tags)) for tags in false_of)


@given(EXPRESSIONS)
def test_printed_and_parsed_again_it_is_equal(expression: TagExpression) -> None:
    if len(str(expression)) <= MAX_LENGTH:
        assert parse_tag_expression(str(expression)) == expression


@given(EXPRESSIONS, st.sets(WORDS))
def test_a_negation_is_the_opposite(expression: TagExpression, tags: set[str]) -> None:
    assert Not(expression).holds(tags) is not expression.holds(tags)


def test_the_deepest_that_is_accepted_can_be_followed() -> None:
    nested = parse_tag_expression("not " * (MAX_LENGTH // 4 - 1) + "a")
    assert nested.holds({"a"}) is (MAX_LENGTH // 4 % 2 == 1)
    assert parse_tag_expression(str(nested)) == nested
