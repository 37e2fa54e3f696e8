# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from debusine.domain.executor import BackendType
from debusine.domain.tag_set import DroppedTag, Provenance, TagSet
from debusine.domain.tags import (
    PROVIDED,
    REQUIRED,
    build_architecture_tag,
    capability_tag,
    executor_tag,
    group_tag,
    scope_tag,
    source_package_tag,
    tags_required_by_type,
    task_named_by,
    workspace_tag,
)
from debusine.domain.work_request import TaskTypes

ANYBODY = set(Provenance)


@pytest.mark.parametrize(
    ("tag", "allowed"),
    [
        ("worker:type:external", {Provenance.SYSTEM}),
        ("worker:class:fast", {Provenance.ADMIN}),
        ("worker:cap:sbuild", ANYBODY),
        ("worker:build-arch:amd64", ANYBODY),
        ("worker:executor:unshare", ANYBODY),
        ("task:scope:debian", {Provenance.SYSTEM}),
        ("task:workspace:debian:base", {Provenance.SYSTEM}),
        ("task:group:debian::Debian", {Provenance.SYSTEM}),
        ("task:source-package:hello", {Provenance.SYSTEM}),
        ("task:class:slow", ANYBODY),
    ],
)
def test_who_may_provide_what(tag: str, allowed: set[Provenance]) -> None:
    for provenance in Provenance:
        result = TagSet(policy=PROVIDED).add(provenance, [tag])
        is_allowed = provenance in allowed
        assert result.tags == (frozenset({tag}) if is_allowed else frozenset())
        dropped = DroppedTag(provenance=provenance, tag=tag, group="namespaces")
        assert result.dropped == (() if is_allowed else (dropped,))


def test_requirements_are_not_restricted() -> None:
    tags = {"worker:type:external", "task:scope:x"}
    assert TagSet(policy=REQUIRED).add(Provenance.USER, tags).tags == tags


def test_names() -> None:
    assert [
        build_architecture_tag("amd64"),
        capability_tag("sbuild"),
        executor_tag(BackendType.INCUS_VM),
        source_package_tag("hello"),
        scope_tag("debian"),
        workspace_tag("debian", "base"),
        group_tag("debian", "base", "Uploaders"),
    ] == [
        "worker:build-arch:amd64",
        "worker:cap:sbuild",
        "worker:executor:incus-vm",
        "task:source-package:hello",
        "task:scope:debian",
        "task:workspace:debian:base",
        "task:group:debian:base:Uploaders",
    ]


@pytest.mark.parametrize(
    ("task_type", "expected"),
    [
        (TaskTypes.WORKER, {"worker:type:external", "worker:task:worker:noop:version:1"}),
        (TaskTypes.SERVER, {"worker:type:celery", "worker:task:server:noop:version:1"}),
        (TaskTypes.SIGNING, {"worker:type:signing", "worker:task:signing:noop:version:1"}),
        (TaskTypes.WAIT, {"worker:type:not-assignable"}),
        (TaskTypes.WORKFLOW, {"worker:type:not-assignable"}),
        (TaskTypes.INTERNAL, {"worker:type:not-assignable"}),
    ],
)
def test_every_task_requires_its_type_and_version(task_type: TaskTypes, expected: set[str]) -> None:
    assert tags_required_by_type(task_type, "noop", 1) == expected


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ("worker:task:worker:sbuild:version:1", "sbuild"),
        ("worker:task:signing:sign:version:1", "sign"),
        ("worker:task:x", None),
        ("worker:cap:sbuild", None),
        ("", None),
    ],
)
def test_a_version_tag_names_its_task(tag: str, expected: str | None) -> None:
    assert task_named_by(tag) == expected
