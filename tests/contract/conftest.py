# SPDX-License-Identifier: GPL-3.0-or-later
"""What the real half of the suites needs."""

from __future__ import annotations

from debusine.testing.environment import environment
from debusine.testing.ordinary_user import ordinary_user, workplace

__all__ = ["environment", "ordinary_user", "workplace"]
