# SPDX-License-Identifier: GPL-3.0-or-later
"""
Bytes of a file that is not complete: where they lie and what is known of their hash.

The hash is computed while bytes arrive in order, so that finishing does not read the
file again. What this process does not know, after a restart or out of order, is read.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from debusine.errors import ConflictError
from debusine.server.full_disk import no_space_is_an_answer
from debusine.server.stores.base import BLOCK_BYTES

if TYPE_CHECKING:
    from hashlib import _Hash

MAX_REMEMBERED = 1000
# what one system call takes (IOV_MAX)
_MAX_PIECES = 1024


@dataclass(kw_only=True, slots=True)
class Progress:
    """Hash of the first ``position`` bytes, and the same at the start of the last request."""

    position: int = 0
    digest: _Hash = field(default_factory=hashlib.sha256)
    checkpoint: int = 0
    checkpoint_digest: _Hash = field(default_factory=hashlib.sha256)

    def restart_at(self, offset: int) -> bool:
        """
        Continue at an offset if its hash is known.

        :returns: whether it is
        """
        if offset == 0:
            self.position, self.digest = 0, hashlib.sha256()
        elif offset == self.checkpoint:
            self.position, self.digest = offset, self.checkpoint_digest.copy()
        elif offset != self.position:
            return False
        self.checkpoint, self.checkpoint_digest = offset, self.digest.copy()
        return True

    def update(self, data: bytes) -> None:
        """Take the next bytes in."""
        self.digest.update(data)
        self.position += len(data)


class _Memory:
    """Progress by path, for the uploads that were touched last."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._known: OrderedDict[Path, Progress] = OrderedDict()

    def take(self, path: Path) -> Progress:
        with self._lock:
            return self._known.pop(path, Progress())

    def put(self, path: Path, progress: Progress) -> None:
        with self._lock:
            self._known[path] = progress
            while len(self._known) > MAX_REMEMBERED:
                self._known.popitem(last=False)


_MEMORY = _Memory()


class UploadBusyError(ConflictError):
    """Another connection is writing the same file; it may be one that died."""

    code = "upload-busy"
    status = 503


class UploadFile:
    """
    A file that is being received, held by one connection.

    ``write`` and ``hash`` may run at the same time in two threads; neither may
    overlap with itself.

    :param path: made if it does not exist
    :param start: offset of the bytes to come
    :raises UploadBusyError: if another connection holds it, or it was removed just now
    :raises NoSpaceError: if there is no room to make it
    """

    def __init__(self, path: Path, *, start: int) -> None:
        self.path = path
        self._offset = start
        with no_space_is_an_answer():
            path.parent.mkdir(parents=True, exist_ok=True)
            # an object, not a number: used after it was closed, it raises
            self._file = open(path, "r+b", buffering=0, opener=_open_private)  # noqa: SIM115  closed by close()
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            self._file.close()
            raise UploadBusyError(
                "this file is being uploaded over another connection",
                resolution="Wait until that connection ends, at most a minute.",
            ) from exc
        self._require_kept()
        self._progress = _MEMORY.take(path)
        self._is_known = self._progress.restart_at(start)

    def _require_kept(self) -> None:
        """Refuse a file that went into the store, or was swept, before it was locked here."""
        state = os.fstat(self._file.fileno())
        is_here = self.path.exists() and os.path.samestat(state, self.path.stat())
        if is_here and state.st_size >= self._offset:
            return
        if is_here:
            self.path.unlink()
        self._file.close()
        raise UploadBusyError("what had arrived of this file went away just now")

    @property
    def received(self) -> int:
        """Number of bytes that are there."""
        return os.fstat(self._file.fileno()).st_size

    @property
    def position(self) -> int:
        """Offset of the next byte."""
        return self._offset

    def write(self, pieces: list[bytes]) -> None:
        """
        Put the next bytes into the file.

        :raises NoSpaceError: if the disk is full; what fitted stays
        """
        with no_space_is_an_answer():
            for start in range(0, len(pieces), _MAX_PIECES):
                self._write(pieces[start : start + _MAX_PIECES])

    def _write(self, pieces: list[bytes]) -> None:
        missing = sum(map(len, pieces))
        left: list[bytes] = pieces
        while missing:
            count = os.pwritev(self._file.fileno(), left, self._offset)
            self._offset += count
            missing -= count
            if missing:
                # rare: the disk is about full, or a signal came
                left = [b"".join(left)[count:]]

    def hash(self, pieces: list[bytes]) -> None:
        """Take the next bytes into the hash; at once, as each call may wait for other threads."""
        if self._is_known:
            self._progress.update(b"".join(pieces))

    def digest(self) -> str:
        """SHA-256 of the whole file; reads what was not hashed on arrival."""
        if not self._is_known:
            self._progress.restart_at(0)
            self._is_known = True
        while data := os.pread(self._file.fileno(), BLOCK_BYTES, self._progress.position):
            self._progress.update(data)
        return self._progress.digest.hexdigest()

    def drop(self) -> None:
        """Remove the bytes."""
        self._is_known = False
        self.path.unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of the file and remember its hash for the next connection."""
        is_here = os.fstat(self._file.fileno()).st_nlink > 0 and self.path.exists()
        if self._is_known and is_here and self._progress.position == self._offset:
            _MEMORY.put(self.path, self._progress)
        self._file.close()


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CREAT, 0o600)


def size_of(path: Path) -> int:
    """Number of bytes that have arrived; 0 if there is no such upload."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
