# SPDX-License-Identifier: GPL-3.0-or-later
"""
A pytest plugin: a data directory of its own for every run.

Django's plugin reads the settings before any ``conftest.py`` is loaded, so only a plugin
named on the command line comes early enough. Without it runs share a database.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile

_VARIABLE = "DEBUSINE_DATA_DIR"

if _VARIABLE not in os.environ:
    os.environ[_VARIABLE] = tempfile.mkdtemp(prefix="debusine-test-")
    atexit.register(shutil.rmtree, os.environ[_VARIABLE], ignore_errors=True)
