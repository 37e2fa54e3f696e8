# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from debusine.domain.lookup import (
    BadLookupError,
    First,
    FirstKind,
    LookupChildType,
    LookupDict,
    LookupMultiple,
    LookupString,
    Matcher,
    MatcherKind,
    Segment,
    parse_lookup_string,
)

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0/"), max_size=20)
NAME = st.text(st.characters(codec="utf-8", exclude_characters="\0/@:"), min_size=1, max_size=20)
CATEGORY = NAME.filter(lambda name: name not in {"artifacts", "collections"})
VALUE = st.text(st.characters(codec="utf-8", exclude_characters="\0/:"), min_size=1, max_size=20)
# the last "@" ends a name; without a category none may stand in it
FREE = TEXT.filter(bool)
FIRST = st.one_of(
    st.builds(
        First,
        kind=st.just(FirstKind.NAMED_COLLECTION),
        name=FREE,
        category=st.builds("{}:{}".format, CATEGORY, NAME),
    ),
    st.builds(
        First,
        kind=st.just(FirstKind.NAMED_COLLECTION),
        name=FREE.filter(lambda name: "@" not in name),
    ),
    st.builds(
        First,
        kind=st.sampled_from([FirstKind.ARTIFACT_ID, FirstKind.COLLECTION_ID]),
        number=st.integers(0, 2**63 - 1),
    ),
    st.just(First(kind=FirstKind.INTERNAL)),
)
SEGMENT = st.one_of(
    st.builds(Segment, value=TEXT),
    st.builds(Segment, kind=NAME, value=TEXT),
)
STRING = st.builds(
    LookupString,
    first=FIRST,
    segments=st.lists(SEGMENT, max_size=4).map(tuple),
    workspace=VALUE,
    scope=st.none() | VALUE,
) | st.builds(LookupString, first=FIRST, segments=st.lists(SEGMENT, max_size=4).map(tuple))

SINGLE = st.integers() | TEXT
MATCHER = st.one_of(
    st.builds(
        Matcher,
        kind=st.sampled_from([kind for kind in MatcherKind if kind != MatcherKind.IN]),
        values=st.tuples(TEXT),
    ),
    st.builds(Matcher, kind=st.just(MatcherKind.IN), values=st.lists(TEXT, max_size=3).map(tuple)),
)
KEY = st.text("abcdef-", min_size=1, max_size=8)


def dictionaries(filters: st.SearchStrategy[object]) -> st.SearchStrategy[LookupDict]:
    return st.builds(
        LookupDict,
        collection=SINGLE,
        child_type=st.sampled_from(LookupChildType),
        category=st.none() | NAME,
        name_matcher=st.none() | MATCHER,
        data_matchers=st.dictionaries(KEY, MATCHER, max_size=3).map(
            lambda found: tuple(sorted(found.items(), key=lambda item: item[0]))
        ),
        lookup_filters=st.dictionaries(KEY, filters, max_size=2).map(
            lambda found: tuple(sorted(found.items(), key=lambda item: item[0]))
        ),
        error_on_empty=st.booleans(),
    )


MULTIPLE = st.recursive(
    st.builds(LookupMultiple, st.lists(SINGLE, max_size=3).map(tuple)),
    lambda inner: st.builds(
        LookupMultiple,
        st.lists(SINGLE | dictionaries(SINGLE | inner), max_size=3).map(tuple),
    ),
    max_leaves=5,
)


@given(STRING)
def test_parse_after_print_gives_the_same(lookup: LookupString) -> None:
    assert parse_lookup_string(str(lookup)) == lookup


@given(st.text(st.characters() | st.sampled_from("/:@="), max_size=60))
def test_any_text_either_parses_and_prints_stably_or_is_refused(text: str) -> None:
    try:
        lookup = parse_lookup_string(text)
    except BadLookupError:
        return
    assert parse_lookup_string(str(lookup)) == lookup


@given(MULTIPLE)
def test_multiple_lookups_parse_after_export(lookup: LookupMultiple) -> None:
    assert LookupMultiple.parse(lookup.export()) == lookup
    assert hash(LookupMultiple.parse(lookup.export())) == hash(lookup)


@given(MULTIPLE)
def test_multiple_lookups_pass_through_json(lookup: LookupMultiple) -> None:
    adapter = TypeAdapter(LookupMultiple)
    assert adapter.validate_json(adapter.dump_json(lookup)) == lookup
