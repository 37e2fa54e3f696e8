# SPDX-License-Identifier: GPL-3.0-or-later
"""A switch that can be pulled once, from any thread or signal handler, and waited for."""

from __future__ import annotations

import os
import threading
import weakref


class AbortSwitch:
    """Says whether a task is to stop; once it is, that stays."""

    def __init__(self) -> None:
        self._pulled = False
        self._fd: int | None = None
        # reentrant: a signal handler may pull while its own thread is in fileno()
        self._lock = threading.RLock()

    @property
    def pulled(self) -> bool:
        """Whether the task is to stop."""
        return self._pulled

    def pull(self) -> None:
        """Say that the task is to stop; may be said again."""
        self._pulled = True
        with self._lock:
            if self._fd is not None:
                os.eventfd_write(self._fd, 1)

    def fileno(self) -> int:
        """A descriptor that becomes readable, and stays so, when the switch is pulled."""
        with self._lock:
            if self._fd is None:
                self._fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
                weakref.finalize(self, os.close, self._fd)
            if self._pulled:
                os.eventfd_write(self._fd, 1)
            return self._fd
