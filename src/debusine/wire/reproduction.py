# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``debusine reproduce`` and the worker's code on the same machine say to each other."""

from __future__ import annotations

from pydantic import Field

from debusine.wire.artifact import ArtifactCreate
from debusine.wire.base import StrictWireModel
from debusine.wire.work_request import AssignedWorkRequest, WorkRequestCompleted

REPORT = "reproduction.json"
"""File with the :class:`Reproduction` below the output directory."""


class ReproductionOrder(StrictWireModel):
    """
    Run a work request here; nothing is told to its server.

    :param request: with the token of the person in place of a task's
    :param api_url: of the server that has the inputs
    :param user: who runs it if we are root
    :param images: where the agent of this machine keeps system images; null if there is none
    :param output: directory that takes the artifacts and the report
    """

    request: AssignedWorkRequest
    api_url: str
    user: str
    images: str | None = None
    output: str


class KeptArtifact(ArtifactCreate):
    """
    An artifact that a task would have uploaded.

    :param directory: name below the output directory; its files lie in it
    """

    directory: str


class Reproduction(StrictWireModel):
    """What came of it."""

    completed: WorkRequestCompleted
    artifacts: list[KeptArtifact] = Field(default_factory=list)
