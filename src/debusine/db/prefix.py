# SPDX-License-Identifier: GPL-3.0-or-later
"""
A condition on how a text begins that either database answers from an index.

``startswith`` of Django becomes ``LIKE``, which SQLite answers by reading every row, and
without regard to case.
"""

from __future__ import annotations

import sys
from typing import Any

from django.db.models import BooleanField, Expression, F, Q
from typing_extensions import override

_LAST = chr(sys.maxunicode)
_SURROGATES = range(0xD800, 0xE000)


class _Begins(Expression):
    """True of a column whose text begins so."""

    conditional = True

    def __init__(self, column: Any, prefix: str) -> None:
        super().__init__(output_field=BooleanField())
        self.column = column
        self.prefix = prefix

    @override
    def get_source_expressions(self) -> list[Any]:
        return [self.column]

    @override
    def set_source_expressions(self, exprs: Any) -> None:
        (self.column,) = exprs

    @override
    def as_sql(self, compiler: Any, connection: Any) -> Any:
        """Compare with the texts before and after; bytes of UTF-8 sort as characters do."""
        sql, params = compiler.compile(self.column)
        after = text_after(self.prefix)
        if after is None:
            return f"{sql} >= %s", [*params, self.prefix]
        return f"({sql} >= %s AND {sql} < %s)", [*params, self.prefix, *params, after]

    def as_postgresql(self, compiler: Any, connection: Any) -> Any:
        """Texts are ordered by language there; an index of patterns is made for ``LIKE``."""
        sql, params = compiler.compile(self.column)
        pattern = connection.ops.prep_for_like_query(self.prefix)
        return f"{sql} LIKE %s", [*params, f"{pattern}%"]


def begins(field: str, prefix: str) -> Q:
    """
    Condition that the text of a field begins so, in upper and lower case as given.

    :param prefix: may be empty, which every text begins with
    """
    return Q(_Begins(F(field), prefix)) if prefix else Q()


def text_after(prefix: str) -> str | None:
    """
    The first text after all those that begin with a prefix.

    :returns: None if there is none

    >>> text_after("lib")
    'lic'
    """
    stem = prefix.rstrip(_LAST)
    if not stem:
        return None
    following = ord(stem[-1]) + 1
    if following in _SURROGATES:
        following = _SURROGATES.stop
    return stem[:-1] + chr(following)
