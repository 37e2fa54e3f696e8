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
from dataclasses import astuple, dataclass
from datetime import datetime
from typing import Any

from debusine.domain.resources import NOTHING, Resources

PRIORITY_LIMIT = 1_000_000
# milliseconds since 1970 fit below this until the year 2109
_TIME_RANGE = 1 << 42

TYPE_PREFIX = "worker:type:"
REFUSED_PREFIX = "worker:not-refused-by:"
AVOIDED_PREFIX = "worker:not-of-group:"
# workers that are avoided one by one would make a signature each; groups keep them few
AVOIDED_GROUPS = 16


def order_number(priority: int, created_at: datetime) -> int:
    """
    Place in the queue: higher priority first, then older first; smaller is sooner.

    :param priority: base and adjustment; what lies beyond a million either way is cut
    :param created_at: moved by what fair share says

    >>> from datetime import UTC
    >>> then = datetime(2026, 1, 1, tzinfo=UTC)
    >>> order_number(1, then) < order_number(0, then.replace(year=2020)) < order_number(0, then)
    True
    """
    return int(created_at.timestamp() * 1000) - _bounded(priority) * _TIME_RANGE


def moved(order: int, *, before: int, after: int) -> int:
    """
    Place in the queue after a change of priority; what else made it stays.

    >>> from datetime import UTC
    >>> then = datetime(2026, 1, 1, tzinfo=UTC)
    >>> moved(order_number(2, then), before=2, after=-1) == order_number(-1, then)
    True
    """
    return order + (_bounded(before) - _bounded(after)) * _TIME_RANGE


def _bounded(priority: int) -> int:
    return max(-PRIORITY_LIMIT, min(PRIORITY_LIMIT, priority))


def signature_key(
    required: Iterable[str], provided: Iterable[str], need: Resources = NOTHING
) -> str:
    """Digest by which equal pairs of tag sets, with equal needs, are recognised."""
    parts: list[object] = [sorted(set(required)), sorted(set(provided))]
    if need:
        parts.append(astuple(need))
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


@dataclass(frozen=True, kw_only=True, slots=True)
class SignatureTags:
    """
    What all requests of one signature require of workers, and provide to them.

    ``need`` is what a worker must have free.
    """

    required: frozenset[str]
    provided: frozenset[str]
    need: Resources = NOTHING


@dataclass(frozen=True, kw_only=True, slots=True)
class Capability:
    """
    What a worker provides, and what it requires of requests.

    ``kind`` is a digest of everything its metadata say; workers of one kind accept
    and refuse the same requests. ``group`` is what it is avoided by; None: by nothing.
    """

    provided: frozenset[str]
    required: frozenset[str]
    kind: str
    group: int | None = None

    @property
    def key(self) -> str:
        """Digest of all but the group: workers that share it can do the same."""
        text = json.dumps([sorted(self.provided), sorted(self.required), self.kind])
        return hashlib.sha256(text.encode()).hexdigest()


def missing_tags(signature: SignatureTags, worker: Capability) -> frozenset[str]:
    """
    Tags that stand between requests of a signature and a worker; none: they fit.

    A tag that records a refusal is missing only for the kind that refused, one that
    avoids a group only for those of the group.
    """
    own = {refusal_tag(worker.kind), f"{AVOIDED_PREFIX}{worker.group}"}
    lacking = {
        tag for tag in signature.required - worker.provided if not is_synthetic(tag) or tag in own
    }
    return frozenset(lacking | (worker.required - signature.provided))


def is_synthetic(tag: str) -> bool:
    """
    Whether a tag only steers the queue; no task asks for it and no worker provides it.

    >>> is_synthetic(avoidance_tag(17)), is_synthetic("worker:type:external")
    (True, False)
    """
    return tag.startswith((REFUSED_PREFIX, AVOIDED_PREFIX))


def group_of(worker_id: int) -> int:
    """The group by which a worker, and a few others, can be avoided."""
    return worker_id % AVOIDED_GROUPS


def avoidance_tag(worker_id: int) -> str:
    """Tag that a request requires so that it goes to another worker than this one."""
    return f"{AVOIDED_PREFIX}{group_of(worker_id)}"


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
