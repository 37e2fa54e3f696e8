# SPDX-License-Identifier: GPL-3.0-or-later
"""When an input is needed."""

from __future__ import annotations

from enum import IntEnum


class Stage(IntEnum):
    """When an input is needed; those of earlier stages are looked up again in later ones."""

    PENDING = 1  # when the request becomes pending: subject, configuration, tags
    RUNNING = 2  # when a worker gets it: dynamic data, the run
