# SPDX-License-Identifier: GPL-3.0-or-later
"""
Packages that were downloaded from mirrors, by their URL, as many as there is room for.

::

    DIRECTORY/SHA256-OF-URL    one line of JSON about the file, then the file itself
    DIRECTORY/.new-RANDOM      one that is being written

Its time of access is when it was used last, its time of change when the mirror was asked last.
Several agents may use one directory: any file may go at any time.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO

from pydantic import BaseModel, ConfigDict, ValidationError

from debusine.util.clock import Clock, SystemClock

_MAX_LINE_BYTES = 16 * 1024
_NEW = ".new-"
_STALE = timedelta(days=1)
_COUNTED = timedelta(minutes=1)


class PackageOrigin(BaseModel):
    """
    What is known of a file.

    :param size: in bytes, as the mirror said
    :param headers: of the mirror's answer
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str
    size: int
    headers: dict[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class CachedPackage:
    """A file that is there whole; ``size_bytes`` is what it takes of the disk."""

    path: Path
    origin: PackageOrigin
    size_bytes: int
    used_at: datetime
    checked_at: datetime

    def open(self) -> IO[bytes]:
        """
        Open it where the file itself begins.

        :raises FileNotFoundError: if it was removed meanwhile
        """
        file = _open(self.path)
        file.readline(_MAX_LINE_BYTES)
        return file


class Draft:
    """A file that is being written; it counts only once it is kept."""

    def __init__(self, store: PackageStore, origin: PackageOrigin) -> None:
        self._store = store
        self._origin = origin
        self._left = origin.size
        number, name = tempfile.mkstemp(prefix=_NEW, dir=store.directory)
        self._path = Path(name)
        self._file = os.fdopen(number, "wb")
        self._file.write(origin.model_dump_json().encode() + b"\n")

    def write(self, data: bytes) -> None:
        """Add a piece."""
        self._file.write(data)
        self._left -= len(data)

    def close(self) -> None:
        """Keep the file if it is as long as the mirror said, else forget it."""
        is_whole = self._left == 0
        try:
            self._file.close()
            if is_whole:
                self._path.replace(self._store.path_of(self._origin.url))
        finally:
            self._path.unlink(missing_ok=True)
            self._store.closed(self._origin)


class PackageStore:
    """
    A directory of packages.

    :param size_bytes: how much room they may take together; 0: none is added
    """

    def __init__(self, directory: Path, *, size_bytes: int = 0, clock: Clock | None = None) -> None:
        self.directory = directory
        self._size_bytes = size_bytes
        self._clock = clock or SystemClock()
        self._used = 0
        self._counted_at: datetime | None = None
        self._promised = 0

    def path_of(self, url: str) -> Path:
        """Where the file of a URL lies, if it is there."""
        return self.directory / hashlib.sha256(url.encode()).hexdigest()

    def packages(self) -> list[CachedPackage]:
        """All that are there, the one that was used last first."""
        paths = self.directory.iterdir() if self.directory.is_dir() else iter(())
        found = [_read(path) for path in paths if not path.name.startswith(".")]
        known = [package for package in found if package is not None]
        return sorted(known, key=lambda package: package.used_at, reverse=True)

    def find(self, url: str) -> CachedPackage | None:
        """The file of a URL."""
        package = _read(self.path_of(url))
        return package if package is not None and package.origin.url == url else None

    def used(self, package: CachedPackage, *, checked: bool) -> None:
        """
        Note that a file is used now.

        :param checked: the mirror has just said that it is still the same
        """
        now = self._clock.now()
        changed = now if checked else package.checked_at
        with contextlib.suppress(FileNotFoundError):
            os.utime(package.path, (now.timestamp(), changed.timestamp()))

    def is_fresh(self, package: CachedPackage, age: timedelta) -> bool:
        """Whether the mirror was asked about it not long ago."""
        return self._clock.now() - package.checked_at < age

    def draft(self, origin: PackageOrigin) -> Draft | None:
        """
        Begin to keep a file; what was used longest ago makes room for it.

        :returns: None if it is so large that too much would have to go
        """
        if origin.size > self._size_bytes // 16:
            return None
        self._count()
        if self._used + self._promised + origin.size > self._size_bytes:
            self.evict(self._size_bytes * 9 // 10 - self._promised - origin.size)
        if self._used + self._promised + origin.size > self._size_bytes:
            return None
        draft = Draft(self, origin)
        self._promised += origin.size
        return draft

    def _count(self) -> None:
        """Look how much there is, once in a while: we may not be alone."""
        now = self._clock.now()
        if self._counted_at is None or now - self._counted_at > _COUNTED:
            self._counted_at = now
            self._used = sum(package.size_bytes for package in self.packages())

    def closed(self, origin: PackageOrigin) -> None:
        """Note that a draft was closed; one that was not kept counts until the next eviction."""
        self._promised -= origin.size
        self._used += origin.size

    def evict(
        self, size_bytes: int | None, *, older_than: datetime | None = None
    ) -> list[CachedPackage]:
        """
        Remove what was used longest ago, and what was begun long ago.

        :param size_bytes: what may stay; None: any amount
        :param older_than: what was used before goes in any case
        :returns: what was removed
        """
        kept, removed = 0, []
        for package in self.packages():
            is_old = older_than is not None and package.used_at < older_than
            is_beyond = size_bytes is not None and kept + package.size_bytes > size_bytes
            if is_old or is_beyond:
                package.path.unlink(missing_ok=True)
                removed.append(package)
            else:
                kept += package.size_bytes
        for path in self._abandoned():
            path.unlink(missing_ok=True)
        self._used = kept
        return removed

    def _abandoned(self) -> Iterator[Path]:
        latest = (self._clock.now() - _STALE).timestamp()
        for path in self.directory.glob(f"{_NEW}*"):
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_mtime < latest:
                    yield path


def _open(path: Path) -> IO[bytes]:
    """Open a file without the kernel taking that for its use."""
    return os.fdopen(os.open(path, os.O_RDONLY | os.O_NOATIME), "rb")


def _read(path: Path) -> CachedPackage | None:
    try:
        with _open(path) as file:
            line = file.readline(_MAX_LINE_BYTES)
            state = os.fstat(file.fileno())
        origin = PackageOrigin.model_validate_json(line)
    except (OSError, ValidationError):
        return None
    if len(line) + origin.size != state.st_size:
        return None
    return CachedPackage(
        path=path,
        origin=origin,
        size_bytes=state.st_size,
        used_at=datetime.fromtimestamp(state.st_atime, UTC),
        checked_at=datetime.fromtimestamp(state.st_mtime, UTC),
    )
