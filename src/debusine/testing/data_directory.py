# SPDX-License-Identifier: GPL-3.0-or-later
"""
A pytest plugin: the tests have a data directory of their own, and so has each process of them.

Settings are read before any ``conftest.py``, so this is loaded by ``-p`` in
``pyproject.toml``. Without it every run would share the database of this machine.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

if "DEBUSINE_DATA_DIR" not in os.environ:
    _directory = tempfile.mkdtemp(prefix="debusine-test-")
    os.environ["DEBUSINE_DATA_DIR"] = _directory
    atexit.register(shutil.rmtree, _directory, ignore_errors=True)
elif (_worker := os.environ.get("PYTEST_XDIST_WORKER")) is not None:
    # one of several processes of a run; what it inherits is the directory of the run
    _own = Path(os.environ["DEBUSINE_DATA_DIR"], _worker)
    _own.mkdir(exist_ok=True)
    os.environ["DEBUSINE_DATA_DIR"] = str(_own)
