# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest

from debusine.domain.tag_expression import parse_tag_expression
from debusine.domain.tag_set import (
    DerivationGroup,
    DerivationRule,
    DroppedTag,
    Provenance,
    Restriction,
    RestrictionGroup,
    TagPolicy,
    TagSet,
)

ADMIN, SYSTEM, USER = Provenance.ADMIN, Provenance.SYSTEM, Provenance.USER


def restrict(name: str, tags: str, *allowed: Provenance) -> RestrictionGroup:
    restriction = Restriction(tags=tags, allowed=frozenset(allowed))
    return RestrictionGroup(name=name, restrictions=(restriction,))


def rule(when: str, *add: str) -> DerivationRule:
    return DerivationRule(when=parse_tag_expression(when), add=frozenset(add))


def test_adding_gives_a_new_set() -> None:
    first = TagSet().add(USER, ["a"])
    second = first.add(USER, ["b"]).add(SYSTEM, ["a"])
    assert first.by_provenance == {USER: {"a"}}
    assert second.by_provenance == {USER: {"a", "b"}, SYSTEM: {"a"}}
    assert second.tags == {"a", "b"}
    assert second.to_json() == {"system": ["a"], "user": ["a", "b"]}


def test_all_matching_restrictions_of_a_group_must_agree() -> None:
    group = RestrictionGroup(
        name="both",
        restrictions=(
            Restriction(tags="x:", allowed=frozenset({ADMIN, SYSTEM})),
            Restriction(tags="x:y", allowed=frozenset({ADMIN})),
        ),
    )
    tags = TagSet(policy=TagPolicy(restrictions=(group,)))
    assert tags.add(SYSTEM, ["x:y", "x:yz", "xy"]).tags == {"x:yz", "xy"}
    assert tags.add(ADMIN, ["x:y"]).tags == {"x:y"}


def test_every_group_must_agree_and_the_first_that_refuses_is_named() -> None:
    policy = TagPolicy(
        restrictions=(restrict("first", "x:", ADMIN, SYSTEM), restrict("second", "x:y", ADMIN))
    )
    tags = TagSet(policy=policy).add(SYSTEM, ["x:y"]).add(USER, ["x:y"]).add(ADMIN, ["x:y"])
    assert tags.tags == {"x:y"}
    assert tags.dropped == (
        DroppedTag(provenance=SYSTEM, tag="x:y", group="second"),
        DroppedTag(provenance=USER, tag="x:y", group="first"),
    )


def test_what_others_may_say_is_not_lost() -> None:
    tags = TagSet(policy=TagPolicy(restrictions=(restrict("g", "x:", SYSTEM),)))
    tags = tags.add(USER, ["x:a", "x:b"]).add(SYSTEM, ["x:a"])
    assert [one.tag for one in tags.dropped] == ["x:a", "x:b"]
    assert [one.to_json() for one in tags.lost] == [
        {"provenance": "user", "tag": "x:b", "group": "g"}
    ]


@pytest.mark.parametrize("wrong", [[1], [None], [b"a"], [("a",)]])
def test_only_text_is_a_tag(wrong: Any) -> None:
    with pytest.raises(TypeError, match="not a tag"):
        TagSet().add(USER, wrong)


def test_rules_of_a_group_see_what_was_there_before_it() -> None:
    group = DerivationGroup(provenance=ADMIN, rules=(rule("a", "b"), rule("b", "c")))
    assert TagSet(policy=TagPolicy(derivations=(group,))).add(USER, ["a"]).finalize().tags == {
        "a",
        "b",
    }
    both = TagPolicy(derivations=(group, group))
    assert TagSet(policy=both).add(USER, ["a"]).finalize().tags == {"a", "b", "c"}


def test_what_is_derived_is_said_by_the_group_and_restricted_like_all_else() -> None:
    policy = TagPolicy(
        restrictions=(restrict("g", "x:", SYSTEM),),
        derivations=(
            DerivationGroup(provenance=ADMIN, rules=(rule("not z", "x:no", "yes"),)),
            DerivationGroup(provenance=SYSTEM, rules=(rule("yes and a", "x:ok"),)),
        ),
    )
    before = TagSet(policy=policy).add(USER, ["a"])
    final = before.finalize()
    assert final.by_provenance == {USER: {"a"}, ADMIN: {"yes"}, SYSTEM: {"x:ok"}}
    assert final.dropped == (DroppedTag(provenance=ADMIN, tag="x:no", group="g"),)
    # pure: the one that was asked has not changed
    assert before.tags == {"a"}
    assert before.dropped == ()
