# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds for every test; more of it stands in pyproject.toml and debusine.testing."""

from __future__ import annotations

import signal

# a shell that starts us in the background has us ignore Ctrl-C, and all that we start
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
