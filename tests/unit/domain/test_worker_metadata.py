# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from debusine.domain.executor import BackendType
from debusine.domain.work_request import TaskTypes
from debusine.domain.worker_metadata import (
    architectures,
    has_architecture,
    has_executor,
    is_served,
    key_prefix,
    merge,
    metadata_from_tags,
    tags_from_metadata,
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
    "worker:task:nonsense:noop:version:1",
    "worker:task:worker:huge:version:" + "9" * 5000,
    "nonsense",
]
METADATA = {
    "sbuild:version": 1,
    "signing:sign:version": 12,
    "executor:incus-lxc:available": True,
    "sbuild:available": True,
    "system:worker_type": "external",
    "system:architectures": ["amd64", "arm64"],
}
ODD = st.one_of(st.none(), st.booleans(), st.integers(), st.text(), st.lists(st.integers()))


def test_metadata_follow_from_tags() -> None:
    assert metadata_from_tags(TAGS) == METADATA
    assert metadata_from_tags([]) == {}


def test_a_capability_may_be_called_otherwise_in_metadata() -> None:
    keys = {"sbsign": {"signing:sign:available:uefi"}, "absent": {"x"}}
    metadata = {"sbsign:available": True, "signing:sign:available:uefi": True}
    assert metadata_from_tags(["worker:cap:sbsign"], keys) == metadata
    assert tags_from_metadata({"signing:sign:available:uefi": True}, keys) == {"worker:cap:sbsign"}


def test_tags_follow_from_metadata() -> None:
    found = tags_from_metadata(
        METADATA
        | {
            "executor:qemu:available": False,
            "autopkgtest:available": False,
            "lintian:version": None,
            "noop:version": True,
            "piuparts:available": "yes",
            "system:cpu_count": 4,
            "system:version": 3,
        }
    )
    # the type of a worker is not for it to say
    assert found == {
        "worker:task:worker:sbuild:version:1",
        "worker:task:signing:sign:version:12",
        "worker:executor:incus-lxc",
        "worker:cap:sbuild",
        "worker:build-arch:amd64",
        "worker:build-arch:arm64",
    }


def test_there_and_back() -> None:
    tags = set(TAGS[:7])
    assert tags_from_metadata(metadata_from_tags(tags)) == tags - {"worker:type:external"}


def test_who_says_most() -> None:
    merged = merge(
        {
            "sbuild:version": 2,
            "x": 1,
            "provided_tags": ["of the worker"],
            "tasks_allowlist": ["noop"],
            "required_tags": ["y"],
            "tasks_denylist": [],
        },
        {"x": 2, "tasks_denylist": ["lintian"], "provided_tags": ["of the administrator"]},
        ["worker:task:worker:sbuild:version:1", "worker:cap:sbuild"],
    )
    assert merged == {
        "sbuild:version": 2,
        "sbuild:available": True,
        "x": 2,
        "tasks_denylist": ["lintian"],
        "provided_tags": ["worker:cap:sbuild", "worker:task:worker:sbuild:version:1"],
    }


@pytest.mark.parametrize(
    ("task_type", "worker_type", "expected"),
    [
        (TaskTypes.WORKER, "external", True),
        (TaskTypes.SERVER, "celery", True),
        (TaskTypes.SIGNING, "signing", True),
        (TaskTypes.WORKER, "celery", False),
        (TaskTypes.WORKER, "signing", False),
        (TaskTypes.SERVER, "external", False),
        (TaskTypes.SIGNING, "external", False),
        (TaskTypes.WORKER, None, False),
        (TaskTypes.WAIT, None, False),
        (TaskTypes.INTERNAL, "external", False),
        (TaskTypes.WORKFLOW, "celery", False),
    ],
)
def test_types(task_type: TaskTypes, worker_type: str | None, *, expected: bool) -> None:
    metadata = {} if worker_type is None else {"system:worker_type": worker_type}
    assert is_served(metadata, task_type) is expected


def test_architectures_and_executors() -> None:
    assert has_architecture(METADATA, "amd64")
    assert not has_architecture(METADATA, "riscv64")
    assert not has_architecture({}, "amd64")
    assert has_executor(METADATA, BackendType.INCUS_LXC)
    assert not has_executor(METADATA, BackendType.UNSHARE)


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({"system:architectures": ["i386", "amd64"]}, ["amd64", "i386"]),
        ({"system:architectures": ["amd64"], "system:native_architecture": "i386"}, ["amd64"]),
        ({"system:native_architecture": "amd64"}, ["amd64"]),
        ({"system:host_architecture": "arm64"}, ["arm64"]),
        ({"system:architectures": "amd64"}, []),
        ({"system:architectures": [None, 3]}, []),
    ],
)
def test_older_workers_name_one_architecture(metadata: dict[str, Any], expected: list[str]) -> None:
    assert architectures(metadata) == expected


def test_prefixes() -> None:
    assert key_prefix(TaskTypes.WORKER, "noop") == "noop:"
    assert key_prefix(TaskTypes.SIGNING, "noop") == "signing:noop:"
    assert key_prefix(TaskTypes.SERVER, "noop") == "server:noop:"


@given(
    st.dictionaries(
        st.one_of(st.text(), st.sampled_from([*METADATA, "provided_tags", ":available", "::"])), ODD
    ),
    st.lists(st.one_of(st.text(), st.sampled_from(TAGS))),
)
def test_whatever_a_worker_sends_is_survived(metadata: dict[str, Any], tags: list[str]) -> None:
    derived = tags_from_metadata(metadata)
    assert all(isinstance(tag, str) for tag in derived)
    merged = merge(metadata, {}, tags)
    has_architecture(merged, "amd64")
    assert isinstance(is_served(merged, TaskTypes.WORKER), bool)
