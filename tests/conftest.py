# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds for every test: a data directory of its own."""

from __future__ import annotations

import os
import tempfile

# settings are read when Django starts, before any fixture
os.environ.setdefault("DEBUSINE_DATA_DIR", tempfile.mkdtemp(prefix="debusine-test-"))
