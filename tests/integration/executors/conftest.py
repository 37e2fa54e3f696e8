# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of sandboxes run as an ordinary user and share one environment."""

from __future__ import annotations

from debusine.testing.environment import environment
from debusine.testing.ordinary_user import ordinary_user, pytest_pyfunc_call, workplace

__all__ = ["environment", "ordinary_user", "pytest_pyfunc_call", "workplace"]
