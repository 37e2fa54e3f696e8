# SPDX-License-Identifier: GPL-3.0-or-later
"""
The older matching: a flat dictionary that a worker reports, and what follows from it.

Tasks decide with ``can_run_on(metadata)``. Keys: ``system:...``, ``executor:B:available``,
``TASK:version``, ``TASK:available``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from debusine.domain.executor import BackendType
from debusine.domain.work_request import TaskTypes

WORKER_TYPE = "system:worker_type"
ARCHITECTURES = "system:architectures"

_SERVED_BY = {
    TaskTypes.WORKER: "external",
    TaskTypes.SERVER: "celery",
    TaskTypes.SIGNING: "signing",
}
_VERSION = re.compile(r"worker:task:(?P<type>[^:]+):(?P<name>[^:]+):version:(?P<version>[0-9]+)")
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
    return architecture in metadata.get(ARCHITECTURES, ())


def has_executor(metadata: Mapping[str, Any], backend: BackendType) -> bool:
    """Whether a worker can use a backend."""
    return metadata.get(f"executor:{backend.value}:available") is True


def merge(dynamic: Mapping[str, Any], static: Mapping[str, Any]) -> dict[str, Any]:
    """What a worker reports, with what administrators say about it on top."""
    return {**dynamic, **static}


def metadata_from_tags(tags: Iterable[str]) -> dict[str, Any]:
    """
    The metadata that follows from tags, for workers that report only those.

    >>> metadata_from_tags(["worker:task:worker:sbuild:version:1", "worker:cap:sbuild"])
    {'sbuild:available': True, 'sbuild:version': 1}
    """
    metadata: dict[str, Any] = {}
    architectures: list[str] = []
    for tag in sorted(set(tags)):
        if match := _VERSION.fullmatch(tag):
            prefix = key_prefix(TaskTypes(match["type"].capitalize()), match["name"])
            metadata[f"{prefix}version"] = int(match["version"])
        elif match := _EXECUTOR.fullmatch(tag):
            metadata[f"executor:{match['name']}:available"] = True
        elif match := _CAPABILITY.fullmatch(tag):
            metadata[f"{match['name']}:available"] = True
        elif match := _TYPE.fullmatch(tag):
            metadata[WORKER_TYPE] = match["name"]
        elif match := _ARCHITECTURE.fullmatch(tag):
            architectures.append(match["name"])
    if architectures:
        metadata[ARCHITECTURES] = architectures
    return metadata


def complete(metadata: Mapping[str, Any], tags: Iterable[str]) -> dict[str, Any]:
    """Metadata of a worker, completed from its tags where it does not say."""
    return {**metadata_from_tags(tags), **metadata}
