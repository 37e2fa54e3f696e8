# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from debusine.domain.executor import BackendType
from debusine.domain.work_request import TaskTypes
from debusine.domain.worker_metadata import (
    complete,
    has_architecture,
    has_executor,
    is_served,
    key_prefix,
    merge,
    metadata_from_tags,
)

TAGS = [
    "worker:task:worker:sbuild:version:1",
    "worker:task:signing:sign:version:12",
    "worker:executor:incus-lxc",
    "worker:cap:sbuild",
    "worker:type:external",
    "worker:build-arch:arm64",
    "worker:build-arch:amd64",
    "worker:class:fast",
    "worker:task:worker:odd:version:x",
    "nonsense",
]


def test_metadata_follow_from_tags() -> None:
    assert metadata_from_tags(TAGS) == {
        "sbuild:version": 1,
        "signing:sign:version": 12,
        "executor:incus-lxc:available": True,
        "sbuild:available": True,
        "system:worker_type": "external",
        "system:architectures": ["amd64", "arm64"],
    }
    assert metadata_from_tags([]) == {}


def test_what_a_worker_says_counts_more_than_its_tags() -> None:
    assert complete({"sbuild:version": 2, "x": 1}, ["worker:task:worker:sbuild:version:1"]) == {
        "sbuild:version": 2,
        "x": 1,
    }


def test_what_administrators_say_counts_most() -> None:
    assert merge({"a": 1, "b": 1}, {"b": 2}) == {"a": 1, "b": 2}


@pytest.mark.parametrize(
    ("task_type", "worker_type", "expected"),
    [
        (TaskTypes.WORKER, "external", True),
        (TaskTypes.SERVER, "celery", True),
        (TaskTypes.SIGNING, "signing", True),
        (TaskTypes.WORKER, "celery", False),
        (TaskTypes.WORKER, None, False),
        (TaskTypes.WAIT, None, False),
        (TaskTypes.INTERNAL, "external", False),
    ],
)
def test_types(task_type: TaskTypes, worker_type: str | None, *, expected: bool) -> None:
    metadata = {} if worker_type is None else {"system:worker_type": worker_type}
    assert is_served(metadata, task_type) is expected


def test_architectures_and_executors() -> None:
    metadata = metadata_from_tags(TAGS)
    assert has_architecture(metadata, "amd64")
    assert not has_architecture(metadata, "riscv64")
    assert not has_architecture({}, "amd64")
    assert has_executor(metadata, BackendType.INCUS_LXC)
    assert not has_executor(metadata, BackendType.UNSHARE)


def test_prefixes() -> None:
    assert key_prefix(TaskTypes.WORKER, "noop") == "noop:"
    assert key_prefix(TaskTypes.SIGNING, "noop") == "signing:noop:"
