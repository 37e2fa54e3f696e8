# SPDX-License-Identifier: GPL-3.0-or-later
"""
Tags: what workers offer to tasks, what tasks offer to workers, and who may say so.

A tag is text; its namespaces end in a colon; tags are compared exactly.
"""

from __future__ import annotations

from debusine.domain.executor import BackendType
from debusine.domain.tag_set import Provenance, Restriction, RestrictionGroup, TagPolicy
from debusine.domain.work_request import TaskTypes

# worker:task:TYPE:NAME
_NAME_IN_TAG = 3

_SYSTEM_ONLY = frozenset({Provenance.SYSTEM})

_NAMESPACES = RestrictionGroup(
    name="namespaces",
    restrictions=(
        Restriction(tags="worker:type:", allowed=_SYSTEM_ONLY),
        Restriction(tags="worker:class:", allowed=frozenset({Provenance.ADMIN})),
        Restriction(tags="task:scope:", allowed=_SYSTEM_ONLY),
        Restriction(tags="task:workspace:", allowed=_SYSTEM_ONLY),
        Restriction(tags="task:group:", allowed=_SYSTEM_ONLY),
        Restriction(tags="task:source-package:", allowed=_SYSTEM_ONLY),
    ),
)

PROVIDED = TagPolicy(restrictions=(_NAMESPACES,))
"""Of what workers provide to tasks, and tasks to workers."""

REQUIRED = TagPolicy()
"""Of what they require of each other: who asks for more takes nothing from anybody."""


def build_architecture_tag(architecture: str) -> str:
    """Tag of workers that build for an architecture."""
    return f"worker:build-arch:{architecture}"


def emulation_tag(architecture: str) -> str:
    """Tag of workers that build for an architecture, but run its programs through qemu-user."""
    return f"worker:emulated-arch:{architecture}"


def capability_tag(name: str) -> str:
    """Tag of workers that have a tool or can do something."""
    return f"worker:cap:{name}"


def executor_tag(backend: BackendType) -> str:
    """Tag of workers that can use a backend; ``auto`` is none."""
    return f"worker:executor:{backend.value}"


def task_version_tag(task_type: TaskTypes, task_name: str, version: int | None) -> str:
    """
    Tag of workers whose code of a task is of a version.

    >>> task_version_tag(TaskTypes.WORKER, "sbuild", 1)
    'worker:task:worker:sbuild:version:1'
    """
    return f"worker:task:{task_type.lower()}:{task_name}:version:{version}"


def task_named_by(tag: str) -> str | None:
    """
    Name of the task that a version tag is about, None for other tags.

    >>> task_named_by("worker:task:signing:sign:version:1"), task_named_by("worker:cap:sbuild")
    ('sign', None)
    """
    parts = tag.split(":")
    return parts[3] if parts[:2] == ["worker", "task"] and len(parts) > _NAME_IN_TAG else None


def worker_type_tag(task_type: TaskTypes) -> str:
    """Tag of workers that serve a type of task; for some types there are none."""
    match task_type:
        case TaskTypes.WORKER:
            return "worker:type:external"
        case TaskTypes.SERVER:
            return "worker:type:celery"
        case TaskTypes.SIGNING:
            return "worker:type:signing"
        case TaskTypes.INTERNAL | TaskTypes.WORKFLOW | TaskTypes.WAIT:
            return "worker:type:not-assignable"


def tags_required_by_type(
    task_type: TaskTypes, task_name: str, version: int | None
) -> frozenset[str]:
    """What every task requires of its worker, before anything of its own."""
    type_tag = worker_type_tag(task_type)
    if type_tag == "worker:type:not-assignable":
        return frozenset({type_tag})
    return frozenset({type_tag, task_version_tag(task_type, task_name, version)})


def source_package_tag(name: str) -> str:
    """Tag of tasks that are about a source package."""
    return f"task:source-package:{name}"


def scope_tag(scope: str) -> str:
    """Tag of tasks in a scope."""
    return f"task:scope:{scope}"


def workspace_tag(scope: str, workspace: str) -> str:
    """Tag of tasks in a workspace."""
    return f"task:workspace:{scope}:{workspace}"


def group_tag(scope: str, workspace: str | None, group: str) -> str:
    """
    Tag of tasks of members of a group.

    :param workspace: ``None`` for groups of the whole scope

    >>> group_tag("debian", None, "Debian")
    'task:group:debian::Debian'
    """
    return f"task:group:{scope}:{workspace or ''}:{group}"
