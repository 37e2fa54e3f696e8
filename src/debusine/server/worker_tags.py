# SPDX-License-Identifier: GPL-3.0-or-later
"""What a worker is known to be: its tags and its metadata, from all who say something."""

from __future__ import annotations

from typing import Any

import structlog

from debusine.db.models import Worker
from debusine.domain.scheduling import Capability, group_of, worker_kind
from debusine.domain.worker_metadata import merge
from debusine.domain.worker_tags import worker_tags
from debusine.tasks.capabilities import capability_keys

log = structlog.get_logger(__name__)

TAG_FIELDS = ("provided_tags", "required_tags", "tag_sources", "capability_key")


def retag(worker: Worker) -> bool:
    """
    Compute the tags of a worker anew; the row is not saved.

    :returns: whether it requires something else than before
    """
    tags = worker_tags(
        worker.worker_type,
        worker.dynamic_metadata,
        worker.static_metadata,
        capability_keys=capability_keys(),
    )
    requires_else: bool = tags.demanded != worker.required_tags
    sources = {
        "provided": tags.provided.to_json(),
        "required": tags.required.to_json(),
        "withheld": sorted(tags.withheld),
        "dropped": [one.to_json() for one in tags.provided.lost],
        "ever": sorted({*tags.provided.tags, *ever_provided(worker)}),
    }
    # workers report every hour; what is dropped is news only once
    if sources["dropped"] != (worker.tag_sources or {}).get("dropped", []):
        for one in tags.provided.lost:
            log.info("tag-dropped", worker=worker.name, **one.to_json())
    worker.provided_tags = tags.offered
    worker.required_tags = tags.demanded
    worker.tag_sources = sources
    worker.capability_key = capability(worker).key
    return requires_else


def ever_provided(worker: Worker) -> set[str]:
    """All tags that a worker has had at some time."""
    found = (worker.tag_sources or {}).get("ever", ())
    return {*found, *worker.provided_tags}


def worker_metadata(worker: Worker) -> dict[str, Any]:
    """Everything that is said about a worker, completed from its tags where it says less."""
    return merge(
        worker.dynamic_metadata,
        worker.static_metadata,
        worker.provided_tags,
        capability_keys=capability_keys(),
    )


def capability(worker: Worker) -> Capability:
    """What a worker can do, as far as the queue is concerned."""
    return Capability(
        provided=frozenset(worker.provided_tags),
        required=frozenset(worker.required_tags),
        kind=worker_kind(worker_metadata(worker)),
        group=None if worker.pk is None else group_of(worker.pk),
    )
