# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests share one Incus, as root starts it; what uses it may be anybody."""

from __future__ import annotations

from debusine.testing.incus_daemon import incus, incus_daemon
from debusine.testing.ordinary_user import ordinary_user, pytest_pyfunc_call, workplace

__all__ = ["incus", "incus_daemon", "ordinary_user", "pytest_pyfunc_call", "workplace"]
