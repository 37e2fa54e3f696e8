# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m debusine.standalone``."""

from __future__ import annotations

import sys

from debusine.standalone.main import main

sys.exit(main(sys.argv[1:]))
