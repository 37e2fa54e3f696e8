# SPDX-License-Identifier: GPL-3.0-or-later
"""Workers as administrators see and lead them: an addition of ours to the API."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from debusine.domain.text import StorableText
from debusine.domain.worker_state import WorkerState
from debusine.wire.base import StrictWireModel, Timestamp, WireModel

Reason = Annotated[StorableText, Field(max_length=200)]


class Amounts(WireModel):
    """Memory and disk in MiB, and processors."""

    memory_mib: int | None = None
    disk_mib: int | None = None
    cpu_count: int | None = None


class WorkerRecord(WireModel):
    """
    A worker.

    :param version: of its program; empty if it has not said
    :param problem: why it cannot work with this server, if so
    :param running: work requests that it holds
    :param slots: how many it can hold
    :param offered: what it has for all of them; null where it is not limited
    :param reserved: what of that is kept for what it holds
    """

    name: str
    worker_type: str
    state: WorkerState
    version: str = ""
    problem: str | None = None
    registered_at: Timestamp
    connected_at: Timestamp | None = None
    disconnected_at: Timestamp | None = None
    drained_at: Timestamp | None = None
    drain_reason: str = ""
    slots: int = 1
    offered: Amounts = Amounts()
    reserved: Amounts = Amounts()
    running: list[int] = Field(default_factory=list)


class DrainWanted(StrictWireModel):
    """Why a worker is to get nothing new."""

    reason: Reason = ""


class HandBack(StrictWireModel):
    """Why a worker gives a work request back."""

    reason: Reason = "the worker was stopped"
