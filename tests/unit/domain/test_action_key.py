# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from debusine.domain.action_key import (
    Content,
    UnreadableInputError,
    action_key,
    canonical,
    digest_of,
)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)
SINGLE = {"label": "input.source", "lookup": 7, "artifact_id": 7, "category": "c", "data": {}}


def key(**changes: Any) -> str:
    arguments: dict[str, Any] = {
        "task": ("Worker", "probe", 1),
        "data": {"input": {"source": 7, "mode": "x"}, "task_configuration": "default@c:n"},
        "looked_up": ["input.source"],
        "dynamic_data": {"source_id": 7, "task_input_fields": {"source": SINGLE, "arch": "amd64"}},
        "contents": {7: "aa", 8: "aa", 9: "bb"},
        **changes,
    }
    return action_key(**arguments)


def dynamic(artifact: int, lookup: Any = None, **more: Any) -> dict[str, Any]:
    value = SINGLE | {"artifact_id": artifact, "lookup": lookup or artifact}
    fields = {"source": value, "arch": "amd64", **more}
    return {"source_id": artifact, "task_input_fields": fields}


def test_key_is_a_digest() -> None:
    assert len(key()) == 64
    assert int(key(), 16)


def test_equal_content_under_another_number_is_the_same_action() -> None:
    other = {"input": {"source": "x@y", "mode": "x"}}
    assert key(data=other, dynamic_data=dynamic(8, "x@y")) == key()


@pytest.mark.parametrize(
    "changes",
    [
        {"task": ("Worker", "probe", 2)},
        {"task": ("Worker", "other", 1)},
        {"task": ("Signing", "probe", 1)},
        {"data": {"input": {"source": 7, "mode": "y"}}},
        {"data": {"input": {"source": 7, "mode": "x"}, "more": None}},
        {"dynamic_data": dynamic(9)},
        {"dynamic_data": dynamic(7, arch="arm64")},
        {"dynamic_data": dynamic(7) | {"subject": "hello"}},
    ],
)
def test_whatever_a_task_reads_makes_another_key(changes: dict[str, Any]) -> None:
    assert key(**changes) != key()


def test_configuration_counts_by_what_it_made_of_the_data() -> None:
    collection = {"collection_id": 5, "label": "task_configuration"}
    assert key(dynamic_data=dynamic(7, task_configuration=collection)) == key()


@pytest.mark.parametrize(
    "found",
    [
        dynamic(10),
        dynamic(7, suite={"collection_id": 5, "name": "trixie"}),
        dynamic(7, suites=[{"collection_id": 5}]),
        {"source_ids": [[7], [10]]},
    ],
)
def test_what_has_no_lasting_content_has_no_key(found: dict[str, Any]) -> None:
    with pytest.raises(UnreadableInputError):
        key(dynamic_data=found)


def test_content_counts_with_data_and_paths_in_any_order() -> None:
    files = [("a", "00", 1), ("b", "11", 2)]
    content = Content(category="c", data={"x": 1}, files=files)
    assert Content(category="c", data={"x": 1}, files=files[::-1]).digest() == content.digest()
    for other in (
        Content(category="d", data={"x": 1}, files=files),
        Content(category="c", data={"x": 2}, files=files),
        Content(category="c", data={"x": 1}, files=[("a", "00", 1), ("B", "11", 2)]),
        Content(category="c", data={"x": 1}, files=[("a", "00", 1), ("b", "11", 3)]),
    ):
        assert other.digest() != content.digest()


@given(st.dictionaries(st.text(), json_values))
def test_canonical_form_does_not_depend_on_the_order_of_keys(value: dict[str, Any]) -> None:
    again = dict(reversed(value.items()))
    assert canonical(again) == canonical(value)
    assert digest_of(again) == digest_of(value)
