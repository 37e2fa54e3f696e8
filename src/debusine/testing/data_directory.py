# SPDX-License-Identifier: GPL-3.0-or-later
"""
A pytest plugin: the tests have a data directory of their own.

Settings are read before any ``conftest.py``, so this is loaded by ``-p`` in
``pyproject.toml``. Without it every run would share the database of this machine.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile

if "DEBUSINE_DATA_DIR" not in os.environ:
    _directory = tempfile.mkdtemp(prefix="debusine-test-")
    os.environ["DEBUSINE_DATA_DIR"] = _directory
    atexit.register(shutil.rmtree, _directory, ignore_errors=True)
