# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest

from debusine.domain.worker_tags import is_task_allowed, worker_tags

NOOP, SBUILD = "worker:task:worker:noop:version:1", "worker:task:worker:sbuild:version:1"
SIGN = "worker:task:signing:sign:version:1"


def test_who_said_what() -> None:
    tags = worker_tags(
        "external",
        {"provided_tags": [NOOP, "worker:class:fast", "worker:type:external", 3]},
        {
            "provided_tags": ["worker:class:slow", "worker:build-arch:riscv64"],
            "required_tags": ["task:scope:debian"],
        },
    )
    assert tags.provided.to_json() == {
        "admin": ["worker:build-arch:riscv64", "worker:class:slow"],
        "system": ["worker:type:external"],
        "worker": [NOOP],
    }
    assert tags.offered == [
        "worker:build-arch:riscv64",
        "worker:class:slow",
        NOOP,
        "worker:type:external",
    ]
    assert [one.tag for one in tags.provided.lost] == ["worker:class:fast"]
    assert tags.required.to_json() == {"admin": ["task:scope:debian"]}
    assert tags.demanded == ["task:scope:debian"]


def test_a_worker_has_no_say_in_what_it_requires() -> None:
    assert worker_tags("external", {"required_tags": ["x"]}, {}).demanded == []
    assert worker_tags(
        "external", {"tasks_denylist": ["noop"], "provided_tags": [NOOP]}, {}
    ).offered


def test_a_worker_that_knows_no_tags_gets_those_of_its_metadata() -> None:
    metadata: dict[str, Any] = {"noop:version": 1, "system:worker_type": "signing"}
    assert worker_tags("external", metadata, {}).provided.to_json() == {
        "system": ["worker:type:external"],
        "worker": [NOOP],
    }
    # one that knows them means what it says
    assert worker_tags("external", metadata | {"provided_tags": []}, {}).offered == [
        "worker:type:external"
    ]


@pytest.mark.parametrize(
    ("static", "offered", "withheld"),
    [
        ({}, {NOOP, SBUILD, SIGN}, set()),
        ({"tasks_allowlist": ["noop"]}, {NOOP}, {SBUILD, SIGN}),
        ({"tasks_allowlist": []}, set(), {NOOP, SBUILD, SIGN}),
        ({"tasks_allowlist": None, "tasks_denylist": ["sign"]}, {NOOP, SBUILD}, {SIGN}),
        ({"tasks_denylist": ["noop", "sbuild"]}, {SIGN}, {NOOP, SBUILD}),
        ({"tasks_allowlist": ["noop"], "tasks_denylist": ["noop"]}, {NOOP}, {SBUILD, SIGN}),
        ({"tasks_denylist": "noop"}, {NOOP, SBUILD, SIGN}, set()),
    ],
)
def test_lists_of_tasks(static: dict[str, Any], offered: set[str], withheld: set[str]) -> None:
    tags = worker_tags("external", {"provided_tags": [NOOP, SBUILD, SIGN]}, static)
    assert set(tags.offered) == offered | {"worker:type:external"}
    assert tags.withheld == withheld
    for name, tag in (("noop", NOOP), ("sbuild", SBUILD), ("sign", SIGN)):
        assert is_task_allowed(name, static) is (tag in offered)
