# SPDX-License-Identifier: GPL-3.0-or-later
"""Words that agent, nursery and supervisor share; the agent imports no tasks for them."""

from __future__ import annotations

# from agent to nursery
RUN = "run"
METADATA = "metadata"
CLEAN = "clean"

# from agent to supervisor
ABORT = "abort"
RELEASE = "release"

# from agent to the process of a task that has ended
OFFER = "offer"
KEEP = "keep"
STOP = "stop"

# from supervisor to agent
ENDED = "ended"
