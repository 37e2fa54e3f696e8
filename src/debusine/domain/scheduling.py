# SPDX-License-Identifier: GPL-3.0-or-later
"""
Who may run what, and in which order.

Requests with equal tags share a *signature*. A worker's capability is compared with
signatures, never with requests, so that the cost does not depend on how many wait.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from debusine.domain.tags import PROVIDED_RESTRICTIONS, Provenance, TagSet

PRIORITY_LIMIT = 1_000_000
# milliseconds since 1970 fit below this until the year 2109
_TIME_RANGE = 1 << 42

TASK_PREFIX = "worker:task:worker:"
REFUSED_PREFIX = "worker:not-refused-by:"


def order_number(priority: int, created_at: datetime) -> int:
    """
    Place in the queue: higher priority first, then older first; smaller is sooner.

    :param priority: base and adjustment; what lies beyond a million either way is cut

    >>> from datetime import UTC
    >>> then = datetime(2026, 1, 1, tzinfo=UTC)
    >>> order_number(1, then) < order_number(0, then.replace(year=2020)) < order_number(0, then)
    True
    """
    bounded = max(-PRIORITY_LIMIT, min(PRIORITY_LIMIT, priority))
    return int(created_at.timestamp() * 1000) - bounded * _TIME_RANGE


def signature_key(required: Iterable[str], provided: Iterable[str]) -> str:
    """Digest by which equal pairs of tag sets are recognised."""
    text = json.dumps([sorted(set(required)), sorted(set(provided))])
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, kw_only=True, slots=True)
class SignatureTags:
    """What all requests of one signature require of workers, and provide to them."""

    required: frozenset[str]
    provided: frozenset[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Capability:
    """
    What a worker provides, and what it requires of requests.

    ``kind`` is a digest of everything its metadata say; workers of one kind accept
    and refuse the same requests.
    """

    provided: frozenset[str]
    required: frozenset[str]
    kind: str


def missing_tags(signature: SignatureTags, worker: Capability) -> frozenset[str]:
    """
    Tags that stand between requests of a signature and a worker; none: they fit.

    A tag that records a refusal is missing only for the kind that refused.
    """
    refused = refusal_tag(worker.kind)
    lacking = {
        tag
        for tag in signature.required - worker.provided
        if not tag.startswith(REFUSED_PREFIX) or tag == refused
    }
    return frozenset(lacking | (worker.required - signature.provided))


def refusal_tag(kind: str) -> str:
    """Tag that a request requires once workers of a kind have refused it."""
    return f"{REFUSED_PREFIX}{kind}"


def worker_kind(metadata: Mapping[str, Any]) -> str:
    """
    Digest of a worker's metadata.

    >>> worker_kind({"system:cpu_count": 2}) == worker_kind({"system:cpu_count": 4})
    False
    """
    text = json.dumps(metadata, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def provided_worker_tags(
    worker_type: str, dynamic: Mapping[str, Any], static: Mapping[str, Any]
) -> list[str]:
    """
    Everything that a worker provides, sorted.

    What the worker says of itself counts except for its type and its classes, which are
    for others to give. Lists of allowed or denied tasks take away the tags of the
    other tasks.

    >>> provided_worker_tags(
    ...     "external", {"provided_tags": ["worker:cap:sbuild", "worker:class:fast"]}, {}
    ... )
    ['worker:cap:sbuild', 'worker:type:external']
    """
    tags = (
        TagSet(restrictions=PROVIDED_RESTRICTIONS)
        .add(Provenance.WORKER, _tags(dynamic, "provided_tags"))
        .add(Provenance.ADMIN, _tags(static, "provided_tags"))
        .add(Provenance.SYSTEM, [f"worker:type:{worker_type}"])
        .tags
    )
    return sorted(tag for tag in tags if _is_allowed(tag, static))


def required_worker_tags(static: Mapping[str, Any]) -> list[str]:
    """Everything that a worker requires of requests, sorted; only administrators say so."""
    return sorted(_tags(static, "required_tags"))


def is_task_allowed(task_name: str, static: Mapping[str, Any]) -> bool:
    """
    Whether the lists of a worker let a task through.

    >>> is_task_allowed("noop", {"tasks_denylist": ["noop"]})
    False
    >>> is_task_allowed("noop", {"tasks_allowlist": ["noop"], "tasks_denylist": ["noop"]})
    True
    """
    if static.get("tasks_allowlist"):
        return task_name in static["tasks_allowlist"]
    return task_name not in (static.get("tasks_denylist") or ())


def _is_allowed(tag: str, static: Mapping[str, Any]) -> bool:
    if not tag.startswith(TASK_PREFIX):
        return True
    return is_task_allowed(tag.removeprefix(TASK_PREFIX).partition(":")[0], static)


def _tags(metadata: Mapping[str, Any], key: str) -> set[str]:
    """The strings of a list that somebody else sent."""
    value = metadata.get(key)
    return {tag for tag in value if isinstance(tag, str)} if isinstance(value, list) else set()
