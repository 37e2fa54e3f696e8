# SPDX-License-Identifier: GPL-3.0-or-later
"""What the suites need."""

from __future__ import annotations

import pytest
from tests.contract.resolver_worlds import DatabaseWorld, MemoryWorld, World

from debusine.testing.environment import environment
from debusine.testing.incus_daemon import incus, incus_daemon
from debusine.testing.ordinary_user import ordinary_user, workplace

__all__ = ["environment", "incus", "incus_daemon", "ordinary_user", "workplace"]


@pytest.fixture(params=["memory", pytest.param("database", marks=pytest.mark.django_db)])
def world(request: pytest.FixtureRequest) -> World:
    """What there is to find, for the resolver in memory and for the one with a database."""
    if request.param == "memory":
        return MemoryWorld()
    return DatabaseWorld(request.getfixturevalue("settings"))
