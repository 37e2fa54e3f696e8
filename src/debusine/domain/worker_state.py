# SPDX-License-Identifier: GPL-3.0-or-later
"""What keeps a worker from taking work, in one word."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class WorkerState(StrEnum):
    """How a worker stands; what weighs more hides the rest."""

    DISABLED = "disabled"
    DISCONNECTED = "disconnected"
    DRAINED = "drained"
    BUSY = "busy"
    IDLE = "idle"


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerFacts:
    """
    What is known of a worker.

    :param held: how many requests it runs
    """

    enabled: bool
    connected: bool
    drained: bool
    held: int
    slots: int

    @property
    def state(self) -> WorkerState:
        """
        The word for it.

        >>> facts = WorkerFacts(enabled=True, connected=True, drained=True, held=1, slots=2)
        >>> str(facts.state)
        'drained'
        """
        if not self.enabled:
            return WorkerState.DISABLED
        if not self.connected:
            return WorkerState.DISCONNECTED
        if self.drained:
            return WorkerState.DRAINED
        return WorkerState.BUSY if self.held >= self.slots else WorkerState.IDLE
