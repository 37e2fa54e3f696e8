# SPDX-License-Identifier: GPL-3.0-or-later
"""The tags of a worker, from what it reports and what administrators say about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from debusine.domain.tag_set import Provenance, TagSet
from debusine.domain.tags import PROVIDED, REQUIRED, task_named_by
from debusine.domain.worker_metadata import CapabilityKeys, strings, tags_from_metadata


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerTags:
    """
    Both sets of a worker.

    :param provided: with the tags of tasks that it is not to run
    :param withheld: those tags
    :param required: what it demands of requests; only administrators say so
    """

    provided: TagSet
    withheld: frozenset[str]
    required: TagSet

    @property
    def offered(self) -> list[str]:
        """What counts of the provided tags, sorted."""
        return sorted(self.provided.tags - self.withheld)

    @property
    def demanded(self) -> list[str]:
        """The required tags, sorted."""
        return sorted(self.required.tags)


def worker_tags(
    worker_type: str,
    dynamic: Mapping[str, Any],
    static: Mapping[str, Any],
    *,
    capability_keys: CapabilityKeys | None = None,
) -> WorkerTags:
    """
    Everything that a worker provides and requires.

    What the worker says of itself counts except for its type and its classes, which are
    for others to give. A worker that says nothing of tags gets those that follow from
    its metadata. Lists of allowed or denied tasks take away the tags of other tasks.

    :param dynamic: as the worker sent it, anything
    :param static: as administrators wrote it
    :param capability_keys: see :func:`tags_from_metadata`

    >>> tags = worker_tags(
    ...     "external", {"provided_tags": ["worker:cap:sbuild", "worker:class:fast"]}, {}
    ... )
    >>> tags.offered, [one.tag for one in tags.provided.dropped]
    (['worker:cap:sbuild', 'worker:type:external'], ['worker:class:fast'])
    """
    reported = (
        strings(dynamic.get("provided_tags"))
        if isinstance(dynamic.get("provided_tags"), list)
        else tags_from_metadata(dynamic, capability_keys or {})
    )
    provided = (
        TagSet(policy=PROVIDED)
        .add(Provenance.SYSTEM, [f"worker:type:{worker_type}"])
        .add(Provenance.WORKER, reported)
        .add(Provenance.ADMIN, strings(static.get("provided_tags")))
        .finalize()
    )
    required = (
        TagSet(policy=REQUIRED)
        .add(Provenance.ADMIN, strings(static.get("required_tags")))
        .finalize()
    )
    withheld = {
        tag
        for tag in provided.tags
        if (name := task_named_by(tag)) is not None and not is_task_allowed(name, static)
    }
    return WorkerTags(provided=provided, withheld=frozenset(withheld), required=required)


def is_task_allowed(task_name: str, static: Mapping[str, Any]) -> bool:
    """
    Whether the lists of a worker let a task through.

    A list of allowed tasks, even an empty one, is all that counts; without one, the list
    of denied tasks does.

    >>> is_task_allowed("noop", {"tasks_denylist": ["noop"]})
    False
    >>> is_task_allowed("noop", {"tasks_allowlist": ["noop"], "tasks_denylist": ["noop"]})
    True
    >>> is_task_allowed("noop", {"tasks_allowlist": []})
    False
    """
    allowed = static.get("tasks_allowlist")
    if allowed is not None:
        return task_name in strings(allowed)
    return task_name not in strings(static.get("tasks_denylist"))
