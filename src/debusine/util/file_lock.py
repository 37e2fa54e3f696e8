# SPDX-License-Identifier: GPL-3.0-or-later
"""Advisory locks on files: they end with the process that holds them, however it ends."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from pathlib import Path
from types import TracebackType
from typing import Self

POLL_S = 0.05


class FileLock:
    """
    A lock that is held, exclusively or shared, until :meth:`release`.

    Closing the descriptor releases it; child programs do not inherit it.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor
        self._kept: list[FileLock] = []

    def keep(self, other: FileLock) -> None:
        """Hold another lock for as long as this one."""
        self._kept.append(other)

    def fileno(self) -> int:
        """The open file; a program that inherits it holds the lock as well."""
        return self._descriptor

    def write(self, text: str) -> None:
        """Replace what the file says, for those who cannot have the lock."""
        data = text.encode()
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, data, 0)

    def release(self) -> None:
        """Let others have it; once is enough."""
        while self._kept:
            self._kept.pop().release()
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()


def try_lock(path: Path, *, shared: bool = False) -> FileLock | None:
    """
    Take a lock if it can be had now.

    :param path: made if it does not exist, readable by its owner only
    :param shared: many may hold a shared lock, nobody beside an exclusive one
    :returns: None if somebody else holds it
    """
    return _try_lock(path, os.O_RDWR | os.O_CREAT, shared=shared)


def try_lock_directory(path: Path) -> FileLock | None:
    """
    Take a lock on a directory itself; nothing that happens in it touches the lock.

    :returns: None if somebody else holds it
    """
    return _try_lock(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, shared=False)


def _try_lock(path: Path, flags: int, *, shared: bool) -> FileLock | None:
    descriptor = os.open(path, flags | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except BaseException:
        os.close(descriptor)
        raise
    return FileLock(path, descriptor)


def is_locked(path: Path) -> bool:
    """Whether somebody holds an exclusive lock; what does not exist is free."""
    with contextlib.suppress(FileNotFoundError):
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
    return False


def wait_lock(path: Path, *, shared: bool = False, timeout_s: float) -> FileLock:
    """
    Take a lock, waiting for it first.

    :raises TimeoutError: if it cannot be had in time
    """
    deadline = time.monotonic() + timeout_s
    while (lock := try_lock(path, shared=shared)) is None:
        if time.monotonic() > deadline:
            message = f"{path} is locked by another process"
            raise TimeoutError(message)
        time.sleep(POLL_S)
    return lock
