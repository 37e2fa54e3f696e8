# SPDX-License-Identifier: GPL-3.0-or-later
"""
The older matching: a flat dictionary that a worker reports, and what follows from it.

Tasks decide with ``can_run_on(metadata)``. Keys: ``system:...``, ``executor:B:available``,
``TASK:version``, ``TASK:available``; those of tasks that are not of type Worker have their
type in front. What workers send is not trusted to have the right types.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from debusine.domain.executor import BackendType
from debusine.domain.tags import build_architecture_tag, capability_tag, task_version_tag
from debusine.domain.work_request import TaskTypes

WORKER_TYPE = "system:worker_type"
ARCHITECTURES = "system:architectures"
NATIVE_ARCHITECTURE = "system:native_architecture"
# its name before 0.14.0
HOST_ARCHITECTURE = "system:host_architecture"
# a worker has no say in these
STATIC_ONLY = frozenset({"tasks_allowlist", "tasks_denylist", "required_tags"})

CapabilityKeys = Mapping[str, Collection[str]]
"""By capability, the keys that say that it is there, beside ``CAPABILITY:available``."""

_SERVED_BY = {
    TaskTypes.WORKER: "external",
    TaskTypes.SERVER: "celery",
    TaskTypes.SIGNING: "signing",
}
_NO_TASKS = frozenset({"", "system", "executor"})
_TYPES = {task_type.lower(): task_type for task_type in TaskTypes}
_VERSION = re.compile(
    r"worker:task:(?P<type>[^:]+):(?P<name>[^:]+):version:(?P<version>[0-9]{1,9})"
)
_EXECUTOR = re.compile(r"worker:executor:(?P<name>[^:]+)")
_CAPABILITY = re.compile(r"worker:cap:(?P<name>[^:]+)")
_ARCHITECTURE = re.compile(r"worker:build-arch:(?P<name>[^:]+)")
_TYPE = re.compile(r"worker:type:(?P<name>[^:]+)")


def key_prefix(task_type: TaskTypes, task_name: str) -> str:
    """
    What keys of a task start with.

    >>> key_prefix(TaskTypes.WORKER, "sbuild"), key_prefix(TaskTypes.SIGNING, "sign")
    ('sbuild:', 'signing:sign:')
    """
    if task_type is TaskTypes.WORKER:
        return f"{task_name}:"
    return f"{task_type.lower()}:{task_name}:"


def is_served(metadata: Mapping[str, Any], task_type: TaskTypes) -> bool:
    """Whether a worker is of the kind that a type of tasks needs."""
    wanted = _SERVED_BY.get(task_type)
    return wanted is not None and metadata.get(WORKER_TYPE) == wanted


def has_architecture(metadata: Mapping[str, Any], architecture: str) -> bool:
    """Whether a worker builds for an architecture."""
    return architecture in architectures(metadata)


def architectures(metadata: Mapping[str, Any]) -> list[str]:
    """
    Architectures that a worker builds for, sorted; of older ones just the native one.

    >>> architectures({"system:host_architecture": "amd64"})
    ['amd64']
    """
    if isinstance(metadata.get(ARCHITECTURES), list):
        return sorted(strings(metadata[ARCHITECTURES]))
    native = metadata.get(NATIVE_ARCHITECTURE, metadata.get(HOST_ARCHITECTURE))
    return [native] if isinstance(native, str) else []


def has_executor(metadata: Mapping[str, Any], backend: BackendType) -> bool:
    """Whether a worker can use a backend."""
    return metadata.get(f"executor:{backend.value}:available") is True


def strings(value: object) -> set[str]:
    """The strings in a list that somebody else sent; nothing else is kept."""
    return {one for one in value if isinstance(one, str)} if isinstance(value, list) else set()


def merge(
    dynamic: Mapping[str, Any],
    static: Mapping[str, Any],
    tags: Collection[str],
    *,
    capability_keys: CapabilityKeys | None = None,
) -> dict[str, Any]:
    """
    Everything that is said about a worker.

    What administrators say counts most, then what the worker reports, then what follows
    from its tags.

    :param tags: what it provides, all sources together
    :param capability_keys: see :func:`metadata_from_tags`
    """
    reported = {key: value for key, value in dynamic.items() if key not in STATIC_ONLY}
    return {
        **metadata_from_tags(tags, capability_keys or {}),
        **reported,
        **static,
        "provided_tags": sorted(tags),
    }


def metadata_from_tags(
    tags: Iterable[str], capability_keys: CapabilityKeys | None = None
) -> dict[str, Any]:
    """
    The metadata that follow from tags, for workers that report only those.

    :param capability_keys: more keys that are true where a capability is there

    >>> metadata_from_tags(["worker:task:worker:sbuild:version:1", "worker:cap:sbuild"])
    {'sbuild:available': True, 'sbuild:version': 1}
    """
    metadata: dict[str, Any] = {}
    found: list[str] = []
    for tag in sorted(set(tags)):
        if (match := _VERSION.fullmatch(tag)) and match["type"] in _TYPES:
            prefix = key_prefix(_TYPES[match["type"]], match["name"])
            metadata[f"{prefix}version"] = int(match["version"])
        elif match := _EXECUTOR.fullmatch(tag):
            metadata[f"executor:{match['name']}:available"] = True
        elif match := _CAPABILITY.fullmatch(tag):
            keys = (capability_keys or {}).get(match["name"], ())
            metadata.update(dict.fromkeys([f"{match['name']}:available", *sorted(keys)], True))
        elif match := _TYPE.fullmatch(tag):
            metadata[WORKER_TYPE] = match["name"]
        elif match := _ARCHITECTURE.fullmatch(tag):
            found.append(match["name"])
    if found:
        metadata[ARCHITECTURES] = found
    return metadata


def tags_from_metadata(
    metadata: Mapping[str, Any], capability_keys: CapabilityKeys | None = None
) -> set[str]:
    """
    The tags that follow from metadata, for workers that know nothing of tags.

    :param capability_keys: keys that mean another capability than they are called

    >>> sorted(tags_from_metadata({"sbuild:version": 1, "sbuild:available": True}))
    ['worker:cap:sbuild', 'worker:task:worker:sbuild:version:1']
    """
    meant = {
        key: capability for capability, keys in (capability_keys or {}).items() for key in keys
    }
    found = {build_architecture_tag(one) for one in architectures(metadata)}
    for key, value in metadata.items():
        name, _, last = key.rpartition(":")
        if last == "version" and type(value) is int and name not in _NO_TASKS:
            found.add(_version_tag(name, value))
        elif value is not True:
            continue
        elif key in meant:
            found.add(capability_tag(meant[key]))
        elif name.startswith("executor:") and last == "available":
            found.add(f"worker:{name}")
        elif name and last == "available" and ":" not in name:
            found.add(capability_tag(name))
    return found


def _version_tag(prefix: str, version: int) -> str:
    """Tag of a task by what its keys start with."""
    first, colon, rest = prefix.partition(":")
    if colon and first in _TYPES:
        return task_version_tag(_TYPES[first], rest, version)
    return task_version_tag(TaskTypes.WORKER, prefix, version)
