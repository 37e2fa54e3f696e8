# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests run as an ordinary user, in a release whose piuparts works in user namespaces."""

from __future__ import annotations

from dataclasses import replace

import pytest

from debusine.testing.environment import RealEnvironment, environment_of, machine_source
from debusine.testing.ordinary_user import (
    OrdinaryUser,
    ordinary_user,
    pytest_pyfunc_call,
    workplace,
)

__all__ = ["ordinary_user", "pytest_pyfunc_call", "workplace"]

SUITE = "trixie"


@pytest.fixture(scope="session")
def newer(ordinary_user: OrdinaryUser) -> RealEnvironment:
    """A system that has piuparts, and what it would install into the system it tests in."""
    source = replace(machine_source(), suite=SUITE)
    return environment_of(ordinary_user, source, packages=["passwd", "piuparts"])
