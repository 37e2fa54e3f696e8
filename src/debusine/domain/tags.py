# SPDX-License-Identifier: GPL-3.0-or-later
"""
Tags: what workers offer to tasks, what tasks offer to workers, and who may say so.

A tag is text; its namespaces end in a colon; tags are compared exactly. Saying that
something is *provided* is what needs trust, so restrictions exist for provided tags
only, and nothing ever takes a tag away.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from debusine.domain.executor import BackendType
from debusine.domain.work_request import TaskTypes


class Provenance(StrEnum):
    """Who says that a tag holds."""

    SYSTEM = "system"  # the server's own database
    ADMIN = "admin"  # whoever runs the server
    WORKER = "worker"  # the worker's report
    WORKSPACE = "workspace"  # task configuration
    USER = "user"  # what somebody submitted


@dataclass(frozen=True, slots=True, kw_only=True)
class Restriction:
    """
    Only some may provide these tags.

    :param tags: a tag, or with a colon at its end a whole namespace
    """

    tags: str
    allowed: frozenset[Provenance]

    def covers(self, tag: str) -> bool:
        """Whether it is about a tag."""
        return tag.startswith(self.tags) if self.tags.endswith(":") else tag == self.tags


_SYSTEM_ONLY = frozenset({Provenance.SYSTEM})

PROVIDED_RESTRICTIONS = (
    Restriction(tags="worker:type:", allowed=_SYSTEM_ONLY),
    Restriction(tags="worker:class:", allowed=frozenset({Provenance.ADMIN})),
    Restriction(tags="task:scope:", allowed=_SYSTEM_ONLY),
    Restriction(tags="task:workspace:", allowed=_SYSTEM_ONLY),
    Restriction(tags="task:group:", allowed=_SYSTEM_ONLY),
    Restriction(tags="task:source-package:", allowed=_SYSTEM_ONLY),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TagSet:
    """
    Tags and who said each.

    :param restrictions: tags that not everybody may add
    :param by_provenance: what was added
    :param dropped: what was refused, as (who, tag)

    >>> provided = TagSet(restrictions=PROVIDED_RESTRICTIONS)
    >>> provided = provided.add(Provenance.USER, ["task:class:slow", "task:scope:debian"])
    >>> sorted(provided.tags), provided.dropped
    (['task:class:slow'], ((<Provenance.USER: 'user'>, 'task:scope:debian'),))
    """

    restrictions: tuple[Restriction, ...] = ()
    by_provenance: Mapping[Provenance, frozenset[str]] = field(default_factory=dict)
    dropped: tuple[tuple[Provenance, str], ...] = ()

    def add(self, provenance: Provenance, tags: Iterable[str]) -> TagSet:
        """The set with more tags, except those that this provenance may not add."""
        wanted = set(tags)
        refused = {tag for tag in wanted if not self._may_add(provenance, tag)}
        known = self.by_provenance.get(provenance, frozenset())
        return replace(
            self,
            by_provenance={**self.by_provenance, provenance: known | (wanted - refused)},
            dropped=(*self.dropped, *((provenance, tag) for tag in sorted(refused))),
        )

    @property
    def tags(self) -> frozenset[str]:
        """All tags, whoever added them."""
        return frozenset().union(*self.by_provenance.values())

    def _may_add(self, provenance: Provenance, tag: str) -> bool:
        return all(
            provenance in restriction.allowed
            for restriction in self.restrictions
            if restriction.covers(tag)
        )


def build_architecture_tag(architecture: str) -> str:
    """Tag of workers that build for an architecture."""
    return f"worker:build-arch:{architecture}"


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
