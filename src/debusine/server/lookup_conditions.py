# SPDX-License-Identifier: GPL-3.0-or-later
"""What databases can decide of the filters of a dictionary lookup."""

from __future__ import annotations

import json

from django.db.models import Q, TextField
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast
from django.db.models.lookups import In

from debusine.artifacts.bare_data.promise import Promise
from debusine.db.models import ItemType
from debusine.db.prefix import begins
from debusine.domain.lookup import LookupChildType, LookupDict, Matcher, MatcherKind

_SAFE_DIGITS = 15


def condition_of(wanted: LookupDict) -> Q:
    """
    Narrow items down to those that can pass; :meth:`LookupDict.accepts` decides.

    Both databases let some pass that do not: one ignores case, both write JSON their own way.
    """
    condition = _type_condition(wanted.child_type)
    if wanted.category is not None:
        condition &= Q(category=wanted.category)
    if wanted.name_matcher is not None:
        condition &= _name_condition(wanted.name_matcher)
    for key, matcher in wanted.data_matchers:
        condition &= _data_condition(key, matcher)
    return condition


def _type_condition(child_type: LookupChildType) -> Q:
    match child_type:
        case LookupChildType.ANY:
            return Q()
        case LookupChildType.ARTIFACT_OR_PROMISE:
            promise = Q(child_type=ItemType.BARE, category=Promise.category)
            return Q(child_type=ItemType.ARTIFACT) | promise
        case LookupChildType.BARE | LookupChildType.ARTIFACT | LookupChildType.COLLECTION:
            return Q(child_type=child_type.value)


def _name_condition(matcher: Matcher) -> Q:
    match matcher.kind:
        case MatcherKind.EXACT | MatcherKind.IN:
            return Q(name__in=matcher.values)
        case MatcherKind.STARTSWITH:
            return begins("name", matcher.values[0])
        case MatcherKind.CONTAINS | MatcherKind.ENDSWITH:
            return Q(**{f"name__{matcher.kind.value}": matcher.values[0]})


def _data_condition(key: str, matcher: Matcher) -> Q:
    """Compare as text, unless that is the text of what the databases write otherwise."""
    if matcher.kind not in {MatcherKind.EXACT, MatcherKind.IN}:
        return Q()
    if not all(map(_is_written_alike, matcher.values)):
        return Q()
    text = Cast(KeyTextTransform(key, "data"), TextField())
    return Q(In(text, matcher.values))


def _is_written_alike(value: str) -> bool:
    """Whether only a text, or a whole number, can look like this as JSON."""
    try:
        parsed = json.loads(value)
    except ValueError:
        return True
    is_number = isinstance(parsed, int) and not isinstance(parsed, bool)
    return isinstance(parsed, str) or (is_number and len(value) <= _SAFE_DIGITS)
