# SPDX-License-Identifier: GPL-3.0-or-later
"""
What is expensive is made once for all tests of a run, also for those in other processes.

A pytest plugin, loaded by ``-p`` in ``pyproject.toml``: the first process of a run chooses
the place, and those that it starts inherit it. ``scripts/test`` chooses one for all its tiers.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from debusine.util.userns import remove_tree

VARIABLE = "DEBUSINE_TEST_MADE_ONCE"

if VARIABLE not in os.environ:
    _base = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    _directory = Path(tempfile.mkdtemp(prefix="debusine-test-", dir=_base))
    # tests run as other users, too
    _directory.chmod(0o711)
    os.environ[VARIABLE] = str(_directory)
    atexit.register(remove_tree, _directory)


def made_once(name: str, make: Callable[[Path], None]) -> Path:
    """
    Make a directory, unless a test of this run has made it.

    :param name: says all that what is made depends on
    :param make: gets the directory, empty; what it leaves there is for reading only
    :returns: the directory
    """
    place = Path(os.environ[VARIABLE])
    made = place / name
    with (place / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            partial = place / f"{name}.partial"
            # of a test that was ended
            remove_tree(partial)
            partial.mkdir()
            partial.chmod(0o755)
            make(partial)
            partial.rename(made)
    return made
