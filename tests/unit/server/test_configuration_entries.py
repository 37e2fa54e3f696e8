# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest

from debusine.artifacts.bare_data.task_configuration import TaskConfigurationData
from debusine.server.configuration_entries import (
    ConfigurationError,
    Entry,
    Subject,
    merge,
    select,
    with_templates,
)

SUBJECT = Subject(
    subject="hello", context="trixie", provided={"task:class:big", "a"}, required={"b"}
)


def data(**fields: Any) -> TaskConfigurationData:
    for_task = {} if "template" in fields else {"task_type": "Worker", "task_name": "sbuild"}
    return TaskConfigurationData.model_validate({**for_task, **fields})


def merged(*entries: dict[str, Any], **templates: dict[str, Any]) -> Any:
    known = {name: data(template=name, **fields) for name, fields in templates.items()}
    given = [
        Entry(number=number, name=f"e{number}", data=data(**fields))
        for number, fields in enumerate(entries)
    ]
    return merge(with_templates(given, known))


@pytest.mark.parametrize(
    ("fields", "matches"),
    [
        ({}, True),
        ({"subject": "hello"}, True),
        ({"subject": "world"}, False),
        ({"context": "trixie"}, True),
        ({"context": "sid"}, False),
        ({"subject": "hello", "context": "sid"}, False),
        ({"tags_provided": ["a"]}, True),
        ({"tags_provided": ["a", "b"]}, False),
        ({"tags_provided": "a and not b"}, True),
        ({"tags_provided": "b or c"}, False),
        ({"tags_required": ["b"]}, True),
        ({"tags_required": "not b"}, False),
    ],
)
def test_which_entries_are_for_a_task(fields: dict[str, Any], matches: bool) -> None:  # noqa: FBT001  a value of the table
    entry = Entry(number=1, name="x", data=data(**fields))
    assert select([entry], SUBJECT) == ([entry] if matches else [])


def test_a_task_without_subject_gets_what_is_for_all() -> None:
    entries = [
        Entry(number=1, name="x", data=data(subject="hello")),
        Entry(number=2, name="y", data=data(context="trixie")),
        Entry(number=3, name="z", data=data()),
    ]
    nothing = Subject(subject=None, context=None, provided=(), required=())
    assert select(entries, nothing) == [entries[2]]


def test_order() -> None:
    given = [
        data(path="b.yaml", position=1),
        data(path="a.yaml", position=2),
        data(path="a.yaml", position=1, subject="hello"),
        data(subject="hello", context="trixie"),
        data(subject="hello"),
        data(context="trixie"),
        data(),
        data(),
    ]
    entries = [Entry(number=number, name="x", data=each) for number, each in enumerate(given)]
    assert [entry.number for entry in select(entries, SUBJECT)] == [6, 7, 5, 4, 3, 2, 1, 0]


def test_later_entries_win_unless_values_are_locked() -> None:
    found = merged(
        {"default_values": {"a": 1, "b": 1, "c": 1}, "override_values": {"x": 1}},
        {"default_values": {"a": 2}, "lock_values": ["a", "x"], "override_values": {"x": 2}},
        {"default_values": {"a": 3, "d": 3}, "delete_values": ["a", "b", "x"]},
        {"override_values": {"x": 4, "c": 4}},
    )
    assert found.defaults == {"a": 2, "c": 1, "d": 3}
    assert found.overrides == {"x": 2, "c": 4}


def test_defaults_fill_and_overrides_replace() -> None:
    found = merged(
        {
            "default_values": {"missing": 1, "null": 1, "there": 1, "both": 1, "nested": {"a": 1}},
            "override_values": {"both": 2, "replaced": 2},
        }
    )
    given = {"null": None, "there": 0, "replaced": 0, "nested": {"b": 1}, "own": []}
    expected = {"missing": 1, "null": 1, "there": 0, "both": 2, "replaced": 2, "nested": {"b": 1}}
    assert found.apply(given) == {**expected, "own": []}


def test_tags_come_together() -> None:
    found = merged(
        {"provide_tags": ["a"], "require_tags": ["b"]},
        {"provide_tags": ["c"], "require_tags": ["b", "d"]},
    )
    assert (found.provide, found.require) == ({"a", "c"}, {"b", "d"})


def test_templates_come_after_their_entry_and_what_they_use_before_them() -> None:
    found = merged(
        {"use_templates": ["outer"], "default_values": {"a": "entry", "b": "entry", "c": "entry"}},
        {"default_values": {"d": "later"}},
        outer={"use_templates": ["inner"], "default_values": {"a": "outer", "d": "outer"}},
        inner={"default_values": {"a": "inner", "b": "inner"}},
    )
    assert found.defaults == {"a": "outer", "b": "inner", "c": "entry", "d": "later"}


def test_a_template_may_be_used_twice_but_not_by_itself() -> None:
    twice = {"use_templates": ["x", "y"]}
    found = merged(twice, x={"use_templates": ["z"]}, y={"use_templates": ["z"]}, z={})
    assert found.defaults == {}
    with pytest.raises(ConfigurationError, match=r"template 'x' uses itself: .*'x', .*'y', .*'x'"):
        merged(twice, x={"use_templates": ["y"]}, y={"use_templates": ["x"]})
    with pytest.raises(ConfigurationError, match="template 'x' uses template 'w', which does not"):
        merged(twice, x={"use_templates": ["w"]}, y={})
