# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import re
from typing import Any

import pytest

from debusine.artifacts.bare_data.base import check_bare_data, parse_bare_data
from debusine.artifacts.bare_data.task_configuration import (
    TaskConfiguration,
    TaskConfigurationData,
)
from debusine.errors import UserError

CATEGORY = TaskConfiguration.category
TASK = {"task_type": "Worker", "task_name": "sbuild"}
EVERYTHING: dict[str, Any] = {
    **TASK,
    "subject": "hello",
    "context": "trixie",
    "path": "worker/sbuild.yaml",
    "position": 3,
    "tags_provided": ["task:scope:debian"],
    "tags_required": "worker:cap:sbuild and not worker:class:slow",
    "use_templates": ["big"],
    "delete_values": ["backend"],
    "lock_values": ["environment"],
    "provide_tags": ["task:class:big"],
    "require_tags": ["worker:class:big"],
    "default_values": {"backend": "unshare"},
    "override_values": {"environment": 5},
    "comment": "builds on big machines",
}


def test_everything_is_kept_as_given() -> None:
    assert check_bare_data(CATEGORY, EVERYTHING) == EVERYTHING


def test_defaults() -> None:
    data = parse_bare_data(CATEGORY, {"template": "big"})
    assert data.model_dump() == {
        **dict.fromkeys(("task_type", "task_name", "subject", "context", "path", "position")),
        "tags_provided": [],
        "tags_required": [],
        "template": "big",
        "use_templates": [],
        "delete_values": [],
        "lock_values": [],
        "provide_tags": [],
        "require_tags": [],
        "default_values": {},
        "override_values": {},
        "comment": "",
    }


@pytest.mark.parametrize(
    ("data", "name"),
    [
        ({"template": "big"}, "template:big"),
        ({"template": "big", "path": "a.yaml"}, "template:big"),
        (TASK | {"path": "a/b.yml"}, "a/b.yml:0"),
        (TASK | {"path": "a/b.yml", "position": 7}, "a/b.yml:7"),
        (TASK, "Worker:sbuild::"),
        (TASK | {"subject": "hello"}, "Worker:sbuild:hello:"),
        (TASK | {"context": "a:b/c"}, "Worker:sbuild::a%3Ab%2Fc"),
    ],
)
def test_names_of_items(data: dict[str, Any], name: str) -> None:
    parsed = parse_bare_data(CATEGORY, data)
    assert isinstance(parsed, TaskConfigurationData)
    assert TaskConfiguration.item_name(parsed) == name


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({}, "task_type and task_name are required"),
        ({"task_type": "Worker"}, "task_type and task_name are required"),
        ({"task_name": "sbuild"}, "task_type and task_name are required"),
        *[
            ({"template": "big", name: value}, f"a template must not have {name}")
            for name, value in {**TASK, "subject": "a", "context": "b"}.items()
        ],
        (TASK | {"task_name": "a:b"}, "data.task_name: .*colon"),
        (TASK | {"subject": "a:b"}, "data.subject: .*colon"),
        ({"template": "a:b"}, "data.template: .*colon"),
        (TASK | {"task_type": "Robot"}, "data.task_type"),
        (TASK | {"path": "/a.yaml"}, "must be relative"),
        (TASK | {"path": "a.json"}, "must end in"),
        (TASK | {"path": "./a.yaml"}, "as a component"),
        (TASK | {"path": "a/../b.yaml"}, "as a component"),
        (TASK | {"path": "a" * 249 + ".yaml", "position": 0}, "longer than 255"),
        (TASK | {"tags_provided": "a and"}, "over tags"),
        (TASK | {"tags_required": "a b"}, "over tags"),
        (TASK | {"tags_required": {"a": 1}}, "data.tags_required"),
        (TASK | {"default_values": []}, "data.default_values"),
        (TASK | {"comment": None}, "data.comment"),
        (TASK | {"colour": "red"}, "data.colour"),
    ],
)
def test_mistakes_are_named(data: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as caught:
        check_bare_data(CATEGORY, data)
    assert re.search(message, caught.value.details or "")


def test_the_longest_place_is_taken() -> None:
    check_bare_data(CATEGORY, TASK | {"path": "a" * 248 + ".yaml"})
