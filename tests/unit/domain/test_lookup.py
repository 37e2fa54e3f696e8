# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from pydantic import BaseModel, ValidationError

from debusine.domain.lookup import (
    MAX_DEPTH,
    BadLookupError,
    First,
    FirstKind,
    LookupChildType,
    LookupDict,
    LookupMultiple,
    LookupString,
    Matcher,
    MatcherKind,
    NoMatchError,
    Segment,
    parse_lookup_string,
)


class Data(BaseModel):
    items: LookupMultiple = LookupMultiple()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("12@artifacts", LookupString(first=First(kind=FirstKind.ARTIFACT_ID, number=12))),
        ("12@collections", LookupString(first=First(kind=FirstKind.COLLECTION_ID, number=12))),
        ("internal@collections", LookupString(first=First(kind=FirstKind.INTERNAL))),
        (
            "debian/match:codename=trixie:variant=",
            LookupString(
                first=First(kind=FirstKind.NAMED_COLLECTION, name="debian"),
                segments=(Segment(kind="match", value="codename=trixie:variant="),),
            ),
        ),
        (
            "//workspace=base:scope=debian/trixie@debian:suite/name:tarball:trixie:amd64",
            LookupString(
                first=First(
                    kind=FirstKind.NAMED_COLLECTION, name="trixie", category="debian:suite"
                ),
                segments=(Segment(value="tarball:trixie:amd64"),),
                workspace="base",
                scope="debian",
            ),
        ),
    ],
)
def test_grammar(text: str, expected: LookupString) -> None:
    assert parse_lookup_string(text) == expected
    assert str(expected) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/",
        "//",
        "//workspace=base",
        "//scope=debian/x@debian:suite",
        "//workspace=a:workspace=b/x",
        "//workspace=/x",
        "//owner=me/x",
        "@debian:suite",
        "name@",
        "x@artifacts",
        "-1@artifacts",
        "²@artifacts",  # a digit to str.isdigit, not an id
        "99999999999999999999@artifacts",
        "x@debian:suite/",
        "x@debian:suite//y",
        "x@debian:suite/:y",
        "a\0b",
        "x" * 5000,
    ],
)
def test_malformed_strings_are_lookup_errors_but_no_key_errors(text: str) -> None:
    with pytest.raises(LookupError) as caught:
        parse_lookup_string(text)
    assert not isinstance(caught.value, KeyError)


def test_no_match_is_a_key_error_with_a_readable_message() -> None:
    error = NoMatchError("nothing matches 'x'")
    assert isinstance(error, KeyError)
    assert str(error) == "nothing matches 'x'"


def test_an_empty_name_is_printed_in_its_long_form() -> None:
    assert str(parse_lookup_string("x/name:")) == "x/name:"


def test_parent_drops_the_last_segment_and_keeps_the_options() -> None:
    lookup = parse_lookup_string("//workspace=base/x@debian:suite/a/b:c")
    assert str(lookup.parent) == "//workspace=base/x@debian:suite/a"
    assert parse_lookup_string("x").parent is None


def test_dictionary_with_everything() -> None:
    value = {
        "collection": "sid@debian:suite",
        "child_type": "artifact-or-promise",
        "category": "debian:binary-package",
        "name__startswith": "hello_",
        "data__package": "hello",
        "data__version__in": ["1", "2"],
        "lookup__same_work_request": [4, {"collection": 3, "name": "x"}],
        "error_on_empty": True,
    }
    parsed = LookupMultiple.parse(value)
    assert parsed.export() == value
    assert parsed.alternatives == (
        LookupDict(
            collection="sid@debian:suite",
            child_type=LookupChildType.ARTIFACT_OR_PROMISE,
            category="debian:binary-package",
            name_matcher=Matcher(kind=MatcherKind.STARTSWITH, values=("hello_",)),
            data_matchers=(
                ("package", Matcher(values=("hello",))),
                ("version", Matcher(kind=MatcherKind.IN, values=("1", "2"))),
            ),
            lookup_filters=(
                (
                    "same_work_request",
                    LookupMultiple(
                        (4, LookupDict(collection=3, name_matcher=Matcher(values=("x",))))
                    ),
                ),
            ),
            error_on_empty=True,
        ),
    )


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("12@artifacts", "list or a dictionary"),
        (12, "list or a dictionary"),
        (None, "list or a dictionary"),
        ([True], "integer or a string"),
        ([None], "integer or a string"),
        ([[1]], "integer or a string"),
        ({}, "'collection'"),
        ({"collection": 1, "other": 2}, "unknown key"),
        ({"collection": 1, 3: 2}, "unknown key"),
        ({"collection": 1, "name__exact": "x"}, "unknown filter"),
        ({"collection": 1, "name__matches": "x"}, "unknown filter"),
        ({"collection": 1, "data__a__b__in": ["x"]}, "unknown key"),
        ({"collection": 1, "data__": "x"}, "unknown key"),
        ({"collection": 1, "lookup__": 1}, "unknown key"),
        ({"collection": 1, "name__in": "x"}, "must be a list"),
        ({"collection": 1, "name": ["x"]}, "must hold texts"),
        ({"collection": 1, "name": "a", "name__contains": "b"}, "name, name__contains"),
        ({"collection": 1, "data__k__in": ["a"], "data__k": "b"}, "data__k, data__k__in"),
        ({"collection": 1, "child_type": "file"}, "unknown child_type"),
        ({"collection": 1, "error_on_empty": "yes"}, "error_on_empty"),
        ({"collection": 1, "category": 5}, "category"),
        ([1] * 10_001, "at most"),
        (["\ud800"], "cannot be"),
        ({"collection": 1, "name": "a\0"}, "cannot be"),
        ({"collection": 1, "category": "a\0"}, "cannot be"),
    ],
)
def test_bad_multiple_lookups_say_why(value: object, message: str) -> None:
    with pytest.raises(BadLookupError, match=message):
        LookupMultiple.parse(value)


def test_as_a_field_of_a_model() -> None:
    data = Data.model_validate({"items": [421, "977@artifacts"]})
    assert data.items.alternatives == (421, "977@artifacts")
    assert data.model_dump() == {"items": [421, "977@artifacts"]}
    assert data.model_dump_json() == '{"items":[421,"977@artifacts"]}'
    assert not Data().items
    assert Data(items=LookupMultiple((1,))).items
    assert {data.items: 1}[LookupMultiple((421, "977@artifacts"))] == 1
    assert "items" in Data.model_json_schema()["properties"]


def test_a_bare_string_is_no_multiple_lookup_in_a_model() -> None:
    with pytest.raises(ValidationError, match="list or a dictionary"):
        Data.model_validate({"items": "12@artifacts"})


@pytest.mark.parametrize(
    ("matcher", "text", "expected"),
    [
        (Matcher(values=("a",)), "a", True),
        (Matcher(values=("a",)), "ab", False),
        (Matcher(kind=MatcherKind.CONTAINS, values=("b",)), "abc", True),
        (Matcher(kind=MatcherKind.ENDSWITH, values=("c",)), "abc", True),
        (Matcher(kind=MatcherKind.ENDSWITH, values=("b",)), "abc", False),
        (Matcher(kind=MatcherKind.STARTSWITH, values=("ab",)), "abc", True),
        (Matcher(kind=MatcherKind.IN, values=("a", "b")), "b", True),
        (Matcher(kind=MatcherKind.IN, values=()), "b", False),
    ],
)
def test_matchers(matcher: Matcher, text: str, expected: bool) -> None:  # noqa: FBT001  a case
    assert matcher.matches(text) is expected


def test_lookups_stand_in_each_other_only_so_deep() -> None:
    lookup: object = []
    for _ in range(MAX_DEPTH):
        lookup = {"collection": "x", "lookup__y": lookup}
    assert LookupMultiple.parse(lookup).export() == lookup
    for _ in range(200):
        lookup = {"collection": "x", "lookup__y": lookup}
        with pytest.raises(BadLookupError, match=f"more than {MAX_DEPTH} deep"):
            LookupMultiple.parse(lookup)
