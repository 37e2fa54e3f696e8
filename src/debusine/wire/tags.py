# SPDX-License-Identifier: GPL-3.0-or-later
"""The tags that scheduling goes by, and who says each: an addition of ours to the API."""

from __future__ import annotations

from pydantic import Field

from debusine.wire.base import WireModel

TagsByProvenance = dict[str, list[str]]
"""Sorted tags by who says so: ``system``, ``admin``, ``worker``, ``workspace``, ``user``."""


class DroppedTag(WireModel):
    """
    A tag that somebody may not add.

    :param group: name of the restrictions that it met
    """

    provenance: str
    tag: str
    group: str


class WorkerTags(WireModel):
    """
    The tags of a worker as they are now.

    :param provided: with those of tasks that its lists take from it
    :param withheld: those
    """

    name: str
    provided: TagsByProvenance = Field(default_factory=dict)
    required: TagsByProvenance = Field(default_factory=dict)
    withheld: list[str] = Field(default_factory=list)
    dropped: list[DroppedTag] = Field(default_factory=list)


class WorkRequestTags(WireModel):
    """
    The tags of a work request as they were when it became pending.

    :param worker: the one that runs it, or ran it last
    """

    provided: TagsByProvenance = Field(default_factory=dict)
    required: TagsByProvenance = Field(default_factory=dict)
    dropped: list[DroppedTag] = Field(default_factory=list)
    worker: WorkerTags | None = None
